package flowlog

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// read returns the log of a text.
func read(t *testing.T, text string) *Log {
	t.Helper()
	log, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func TestATableIsReadByTheNamesOfItsColumns(t *testing.T) {
	got := read(t, "\uFEFF# seen on Monday\nPort, source,destination,verdict,count,protocol\r\n8080,shop/web-0,api-1,,12,\n53,web-0,10.0.0.9,denied,,udp\n443,::ffff:192.0.2.1,2001:db8::1%eth0,allowed,1,SCTP\n")
	want := &Log{Flows: []Flow{
		{Source: End{Namespace: "shop", Pod: "web-0"}, Destination: End{Pod: "api-1"}, Port: 8080, Protocol: corev1.ProtocolTCP, Outcome: Passed, Times: 12},
		{Source: End{Pod: "web-0"}, Destination: End{Address: netip.MustParseAddr("10.0.0.9")}, Port: 53, Protocol: corev1.ProtocolUDP, Outcome: Denied, Times: 1},
		{
			Source: End{Address: netip.MustParseAddr("192.0.2.1")}, Destination: End{Address: netip.MustParseAddr("2001:db8::1")},
			Port: 443, Protocol: corev1.ProtocolSCTP, Outcome: Passed, Times: 1,
		},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("it is read as\n%+v\nand not\n%+v", got, want)
	}
}

func TestSemicolonsAndTabsSeparateColumnsToo(t *testing.T) {
	table := "# seen; on\tMonday, too\n\nsource,destination,protocol,port\nweb-0,shop/api-1,UDP,8080\n\"10.0.0.1\",web-0,,80\n"
	want := read(t, table)
	for name, by := range map[string]string{"semicolons": ";", "tabs": "\t"} {
		comments, rest, _ := strings.Cut(table, "\n")
		if got := read(t, comments+"\n"+strings.ReplaceAll(rest, ",", by)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: it is read as\n%+v\nand not\n%+v", name, got, want)
		}
	}
	for _, text := range []string{"source;destination,port\n", "source destination port\n"} {
		if log, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%q is read as %+v", text, log)
		}
	}
}

func TestJSONIsReadLikeATable(t *testing.T) {
	want := read(t, "source,destination,port,protocol,verdict,count\nweb-0,other/api-1,8080,UDP,dropped,3\n10.0.0.1,web-0,80,,,\n")
	records := []string{
		`{"source": "web-0", "destination": "other/api-1", "port": 8080, "protocol": "UDP", "verdict": "dropped", "count": 3}`,
		"{\n\"source\": \"10.0.0.1\", \"destination\": \"web-0\", \"port\": 80\n}",
	}
	for name, text := range map[string]string{
		"records": strings.Join(records, "\n\n"), "a list": " [" + strings.Join(records, ",\n") + "]\n",
	} {
		if got := read(t, text); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: it is read as\n%+v\nand not\n%+v", name, got, want)
		}
	}
	if got := read(t, " [ ] "); got.Records() != 0 {
		t.Errorf("an empty list has %d records", got.Records())
	}
}

// hubbleFlow returns a flow as Hubble exports it, from web to db, with these fields besides.
func hubbleFlow(fields string) string {
	return `{"flow":{"time":"2026-01-01T00:00:00Z","uuid":"x","ethernet":{"source":"0a:58"},"IP":{"source":"10.0.1.1","destination":"10.0.1.2","ipVersion":"IPv4"},` +
		`"source":{"ID":1,"identity":2,"cluster_name":"one","namespace":"shop","labels":["k8s:app=web","k8s:app.kubernetes.io/name=shop",` +
		`"k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=shop","k8s:io.cilium.k8s.policy.serviceaccount=web","k8s:io.kubernetes.pod.namespace=shop"],` +
		`"pod_name":"web-0","workloads":[{"name":"web","kind":"StatefulSet"}]},` +
		`"destination":{"ID":3,"identity":4,"cluster_name":"one","namespace":"data","labels":["k8s:app=db"],"pod_name":"db-0"},` +
		`"Type":"L3_L4","node_name":"node-1","event_type":{"type":4,"sub_type":3},` + fields + `},"node_name":"node-1","time":"2026-01-01T00:00:00Z"}`
}

const (
	toPostgres = `"l4":{"TCP":{"source_port":40000,"destination_port":5432,"flags":{"SYN":true}}}`
	underway   = `"l4":{"TCP":{"source_port":40000,"destination_port":5432,"flags":{"ACK":true,"PSH":true}}}`
)

func TestFlowsOfHubbleAreReadAsItExportsThem(t *testing.T) {
	want := Flow{
		Source: End{
			Namespace: "shop", Pod: "web-0", Labels: map[string]string{"app": "web", "app.kubernetes.io/name": "shop"}, Address: netip.MustParseAddr("10.0.1.1"),
		},
		Destination: End{Namespace: "data", Pod: "db-0", Labels: map[string]string{"app": "db"}, Address: netip.MustParseAddr("10.0.1.2")},
		Port:        5432, Protocol: corev1.ProtocolTCP, Outcome: Passed, Times: 1,
	}
	text := hubbleFlow(`"verdict":"FORWARDED","is_reply":false,"traffic_direction":"INGRESS",` + toPostgres)
	inside, _, _ := strings.Cut(strings.TrimPrefix(text, `{"flow":`), `,"node_name":"node-1","time"`)
	for name, text := range map[string]string{"as it is": text, "without its envelope": inside} {
		if got := read(t, text); len(got.Flows) != 1 || !reflect.DeepEqual(got.Flows[0], want) {
			t.Errorf("%s: it is read as\n%+v\nand not\n%+v", name, got, want)
		}
	}
}

func TestWhatBecameOfAConnectionIsWhatHubbleSays(t *testing.T) {
	for fields, want := range map[string]Outcome{
		`"verdict":"FORWARDED","is_reply":false,"traffic_direction":"INGRESS",` + underway: Passed,
		`"verdict":"REDIRECTED","is_reply":false,` + underway:                              Passed,
		`"verdict":"AUDIT","is_reply":false,` + underway:                                   Passed,
		`"verdict":"FORWARDED","is_reply":false,"traffic_direction":"EGRESS",` + underway:  Left,
		`"verdict":"DROPPED","traffic_direction":"EGRESS",` + underway:                     Denied,
		`"verdict":"ERROR",` + underway:                                                    Denied,
		// Whoever sends the first packet opens the connection, whatever else is known.
		`"verdict":"FORWARDED",` + toPostgres: Passed,
	} {
		if got := read(t, hubbleFlow(fields)); len(got.Flows) != 1 || got.Flows[0].Outcome != want {
			t.Errorf("%s: %+v, want %s", fields, got, want)
		}
	}
}

func TestRecordsThatTellOfNoConnectionAreCounted(t *testing.T) {
	for text, want := range map[string]Reason{
		hubbleFlow(`"verdict":"FORWARDED","is_reply":true,` + underway):                                               Reply,
		hubbleFlow(`"verdict":"FORWARDED",` + strings.Replace(toPostgres, "true", `true,"ACK":true`, 1)):              Reply,
		hubbleFlow(`"verdict":"FORWARDED",` + underway):                                                               NoDirection,
		hubbleFlow(`"verdict":"FORWARDED","l4":{"UDP":{"source_port":53,"destination_port":40000}}`):                  NoDirection,
		hubbleFlow(`"verdict":"TRANSLATED","Type":"SOCK","is_reply":false,` + underway):                               NoVerdict,
		hubbleFlow(`"verdict":"TRACED","is_reply":false,` + underway):                                                 NoVerdict,
		hubbleFlow(`"is_reply":false,` + underway):                                                                    NoVerdict,
		hubbleFlow(`"verdict":"FORWARDED","is_reply":false,"l4":{"ICMPv4":{"type":8}}`):                               NoConnection,
		hubbleFlow(`"verdict":"FORWARDED","is_reply":false`):                                                          NoConnection,
		`{"flow":{"verdict":"FORWARDED","is_reply":false,"IP":{},` + underway + `}}`:                                  NoConnection,
		`{"lost_events":{"source":"HUBBLE_RING_BUFFER","num_events_lost":"7"},"node_name":"node-1"}`:                  NoConnection,
		strings.Replace(hubbleFlow(`"verdict":"FORWARDED","is_reply":false,`+underway), `name":"one"`, `name":""`, 1): "",
		strings.Replace(hubbleFlow(`"verdict":"FORWARDED","is_reply":false,`+underway), `"one"`, `"two"`, 1):          OtherCluster,
	} {
		got := read(t, text)
		if want == "" {
			if len(got.Flows) != 1 {
				t.Errorf("%s: %+v, want a flow", text, got)
			}
			continue
		}
		if !reflect.DeepEqual(got, &Log{Skipped: map[Reason]int{want: 1}}) || got.Records() != 1 {
			t.Errorf("%s: %+v, want %s", text, got, want)
		}
	}
}

func TestWhatIsNoPodIsKnownByItsIdentityAndAddress(t *testing.T) {
	address := netip.MustParseAddr("10.0.1.2")
	for labels, want := range map[string]End{
		`["reserved:world"]`:                              {Address: address, Role: RoleOutside, Names: []string{"db.example.com"}},
		`["cidr:10.0.1.2/32","reserved:world-ipv4"]`:      {Address: address, Role: RoleOutside, Names: []string{"db.example.com"}},
		`["reserved:host"]`:                               {Address: address, Role: RoleNode, Names: []string{"db.example.com"}},
		`["reserved:remote-node"]`:                        {Address: address, Role: RoleNode, Names: []string{"db.example.com"}},
		`["reserved:kube-apiserver","reserved:host"]`:     {Address: address, Role: RoleKubeAPIServer, Names: []string{"db.example.com"}},
		`["reserved:health"]`:                             {Address: address, Role: RoleNetwork, Names: []string{"db.example.com"}},
		`["reserved:unknown"]`:                            {Address: address, Names: []string{"db.example.com"}},
		`[],"namespace":"Not_One","pod_name":"something"`: {Address: address, Names: []string{"db.example.com"}},
	} {
		text := strings.Replace(hubbleFlow(`"verdict":"FORWARDED","is_reply":false,"destination_names":["db.example.com"],`+underway),
			`"namespace":"data","labels":["k8s:app=db"],"pod_name":"db-0"`, `"labels":`+labels, 1)
		if got := read(t, text); len(got.Flows) != 1 || !reflect.DeepEqual(got.Flows[0].Destination, want) {
			t.Errorf("%s: %+v, want %+v", labels, got, want)
		}
	}
}

func TestAnErrorNamesTheLine(t *testing.T) {
	const columns = "source,destination,port,protocol,verdict,count\n"
	for text, want := range map[string]string{
		"":                                "there are no observed connections in it: it is empty",
		" \n":                             "there are no observed connections in it: it is empty",
		"# nothing\n":                     "line 1: there is no line with the names of the columns",
		"source,destination\n":            `line 1: there is no column "port"`,
		"source,destination,port,action":  `line 1: column "action" is not known; want source, destination, port and, if you like, protocol, verdict, count`,
		"source,source,port":              `line 1: column "source" is there twice`,
		columns + "a,b,80,,,\n\na,b,0,,,": "line 4: port 0: want 1 to 65535",
		columns + "a,b,65536,,,":          "line 2: port 65536: want 1 to 65535",
		columns + "a,b,http,,,":           `line 2: port "http" is no number`,
		columns + "a,b,80,ICMP,,":         `line 2: protocol "ICMP": want TCP, UDP or SCTP`,
		columns + "a,b,80,,maybe,":        `line 2: verdict "maybe": want allowed or denied`,
		columns + "a,b,80,,,0":            "line 2: count 0: want 1 to 2147483647",
		columns + "a,b,80,,,2147483648":   "line 2: count 2147483648: want 1 to 2147483647",
		columns + "a,b,80,,,many":         `line 2: count "many" is no number`,
		columns + "A B,b,80,,,":           `line 2: source: "A B" is neither an address nor the name of a pod, with its namespace before a slash`,
		columns + "a,/b,80,,,":            `line 2: destination: "/b" names no namespace before its slash`,
		columns + "a,B.C/b,80,,,":         `line 2: destination: "B.C" is no name of a namespace`,
		columns + "a,b,80\n":              "line 2",
		columns + "a,\"b,80,,,\n":         "line 2",
		"{\"source\": \"a\", \"destination\": \"b\", \"port\": 80}\n\n{\"source\": \"a\", \"port\": 80}":       "line 3: want a source and a destination",
		"[\n{\"source\": \"a\", \"destination\": \"b\", \"port\": 80},\n  {\"source\": \"a\",\n \"prt\": 80}]": `line 3: json: unknown field "prt"`,
		`{"source": "a", "destination": "b", "port": 80, "count": 0}`:                                          "line 1: count 0: want 1 to 2147483647",
		`{"source": "a", "destination": "b"}`:                                                                  "line 1: port 0: want 1 to 65535",
		`{"source": "a", "destination": "b", "port": 80, "verdict": "no"}`:                                     `line 1: verdict "no"`,
		`{"source": {"pod": "a"}, "destination": "b", "port": 80}`:                                             "line 1: json: cannot unmarshal object",
		"[\n1]":                                "line 2: want an object",
		`{"node_status":{}}` + "\n{\n":         "line 2: unexpected EOF",
		`[{"node_status":{}}` + "\n":           "line 2: the list does not end",
		`{"src": "a", "dst": "b", "port": 80}`: `line 1: json: unknown field "src"`,
		"{}":                                   "line 1: want a source and a destination",
		"[]\n{}":                               "line 2: something follows the list",
		`{"node_status":{}}` + "\n\n  \n" + `{"flow": {"IP": 7}}`: "line 4: read a flow of Hubble",
	} {
		log, err := Read(strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), want) || log != nil {
			t.Errorf("%q: the error is %v, want one with %q", text, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("source,destination,port,protocol,verdict,count\nshop/web-0,10.0.0.1,80,TCP,allowed,3\n")
	f.Add(`[{"source": "web-0", "destination": "other/api-1", "port": 8080, "count": 3}]`)
	f.Add(hubbleFlow(`"verdict":"FORWARDED","is_reply":false,` + underway))
	f.Add("{}\n{\n")
	f.Fuzz(func(t *testing.T, text string) {
		log, err := Read(strings.NewReader(text))
		if err != nil {
			if log != nil || (!strings.Contains(err.Error(), "line ") && !strings.Contains(err.Error(), "it is empty")) {
				t.Errorf("the error names no line: %v", err)
			}
			return
		}
		for _, flow := range log.Flows {
			if fault := faultOf(flow); fault != "" {
				t.Errorf("%s: %+v", fault, flow)
			}
		}
	})
}

// faultOf returns what is wrong with a flow; empty when nothing is.
func faultOf(f Flow) string {
	for _, e := range []End{f.Source, f.Destination} {
		if e.isNobody() || e.Address.Zone() != "" || e.Address.Is4In6() || (e.Namespace != "" && e.Pod == "") || e.String() == "" {
			return fmt.Sprintf("the end %q is none", e)
		}
	}
	switch {
	case f.Port < 1 || f.Port > 65535:
		return "the port is none"
	case f.Times < 1:
		return "it was never seen"
	case f.Outcome == "" || f.Protocol == "":
		return "it does not say all"
	}
	return ""
}
