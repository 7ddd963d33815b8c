package analyzer

import "firebreak.dev/firebreak/internal/portset"

// Words returns a set of ports as people say it: "TCP/80, UDP/53", "every port", or "every port but TCP/443".
func Words(ports portset.Set) string {
	rest := portset.All().Minus(ports)
	if !rest.IsEmpty() && len(rest.Ranges()) <= 4 && len(ports.Ranges()) > 2 && hasWholeProtocol(ports) {
		return "every port but " + rest.String()
	}
	return ports.String()
}

func hasWholeProtocol(ports portset.Set) bool {
	for _, p := range portset.Protocols() {
		if ports.Covers(portset.Every(p)) {
			return true
		}
	}
	return false
}
