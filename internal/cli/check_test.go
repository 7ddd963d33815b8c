package cli

import "testing"

const checkData = "internal/cli/testdata/check/"

func TestCheckSaysThatAllIsWell(t *testing.T) {
	mustBeGolden(t, "check-well",
		session{args: "check -f " + checkData + "whole.yaml"},
		session{args: "check -f config/samples/three-tier.yaml"},
		session{args: "check -f " + checkData + "whole.yaml -f config/samples/three-tier.yaml --fail-on=info"},
	)
}

func TestCheckSaysWhatTheAPIServerWouldRefuse(t *testing.T) {
	mustBeGolden(t, "check-refused",
		session{args: "check -f " + checkData + "refused.yaml"},
		session{args: "check -f internal/cli/testdata/invalid.yaml"},
		session{args: "check -f internal/cli/testdata/unknown-field.yaml -n shop"},
		session{args: "check -f internal/cli/testdata/broken.yaml"},
		session{args: "check -f internal/cli/testdata/broken.yaml --fail-on=never"},
		session{args: "check -f -", stdin: "check/generated.yaml"},
	)
}

func TestCheckSaysWhatTheOperatorWouldReport(t *testing.T) {
	mustBeGolden(t, "check-findings",
		session{args: "check -f " + checkData + "findings.yaml"},
		session{args: "check -f config/samples/platform-baseline.yaml -f config/samples/namespaces.yaml"},
	)
}

func TestCheckLooksUpWhatFilesReferToWhereTheyHoldItsKind(t *testing.T) {
	mustBeGolden(t, "check-references",
		session{args: "check -f config/samples/peers"},
		session{args: "check -f config/samples/peers -f internal/cli/testdata/check/facts.yaml"},
	)
}

func TestCheckFailsAsItIsTold(t *testing.T) {
	warnings := "check -f config/samples/isolation-tiers.yaml --fail-on="
	mustBeGolden(t, "check-fail-on",
		session{args: warnings + "error"}, session{args: warnings + "warning"}, session{args: warnings + "info"}, session{args: warnings + "never"},
	)
}

func TestCheckReadsDirectoriesAndKustomizations(t *testing.T) {
	mustBeGolden(t, "check-sources",
		session{args: "check -f config/samples"},
		session{args: "check -k " + checkData + "overlay"},
		session{args: "check -R -f " + checkData},
	)
}

func TestCheckPrintsForMachines(t *testing.T) {
	for _, format := range []string{"json", "yaml", "junit"} {
		t.Run(format, func(t *testing.T) {
			mustBeGolden(t, "check-"+format,
				session{args: "check -f " + checkData + "whole.yaml -o " + format},
				session{args: "check -f " + checkData + "findings.yaml -f " + checkData + "refused.yaml -o " + format},
				session{args: "check -k " + checkData + "overlay -o " + format},
				session{args: "check -f - -o " + format, stdin: "unknown-field.yaml"},
			)
		})
	}
}

func TestCheckPrintsForCodeScanning(t *testing.T) {
	mustBeGolden(t, "check-sarif", session{args: "check -f " + checkData + "findings.yaml -f " + checkData + "refused.yaml -k " + checkData + "overlay -o sarif"})
}

func TestCheckSaysWhyItCannotBeDone(t *testing.T) {
	mustBeGolden(t, "check-not-done",
		session{args: "check"},
		session{args: "check -f nowhere.yaml"},
		session{args: "check -f internal/cli/testdata/deployment.yaml"},
		session{args: "check -f -"},
		session{args: "check -k docs"},
		session{args: "check -f config/samples --fail-on=fatal"},
		session{args: "check -f config/samples --live"},
		session{args: "check --help"},
	)
}
