package main

import (
	"strings"
	"testing"
)

const base = "../../k8s/base"

// The base, and what the hub needs to tell BigPanda.
const upstream = "../../k8s/overlays/upstream"

func complaintsAfter(t *testing.T, dir, old, new string) []string {
	t.Helper()
	rendered, err := render(dir)
	if err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(rendered, "\n"); !strings.Contains(all, old) {
		t.Fatalf("what is rendered of %s has no %q", dir, old)
	}
	for i := range rendered {
		rendered[i] = strings.ReplaceAll(rendered[i], old, new)
	}
	objects, complaints := decode(rendered)
	return append(complaints, check(objects)...)
}

func TestWhatIsThereIsClean(t *testing.T) {
	for _, dir := range []string{base, upstream} {
		if complaints := complaintsAfter(t, dir, "", ""); len(complaints) > 0 {
			t.Errorf("%s: %v", dir, complaints)
		}
	}
}

func TestEachMistakeIsFound(t *testing.T) {
	for _, mistake := range []struct{ old, new, complaint string }{
		{"readinessProbe:", "readynessProbe:", "unknown field"},
		{"kind: PodDisruptionBudget", "kind: PodDisruptionBudge", "no check knows"},
		{"serviceName: incident-hub-headless", "serviceName: hub", "no headless Service"},
		{"    targetPort: grpc", "    targetPort: http2", "has no port http2"},
		{"  - port: 50051\n    to:", "  - port: 50052\n    to:", "has no port 50052"},
		{"        name: data\n", "        name: date\n", "no volume date"},
		{"runAsNonRoot: true", "runAsNonRoot: false", "may run as root"},
		{"readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "can write its root"},
		{"allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "can gain privileges"},
		{"path: /readyz", "path: /ready", "does not ask /readyz"},
		{"--drain_timeout=20s", "--drain_timeout=40s", "is killed before"},
		{"memory: 2Gi", "memory: \"0\"", "limit of memory"},
		{"mountPath: /etc/incident-gateway/bigpanda", "mountPath: /etc/incident-gateway", "nothing is mounted where"},
		{"  egress: []", "  egress:\n  - {}", "lets it dial everybody"},
		{"  egress: []", "  egress:\n  - ports: [{port: 443}]\n    to: [{ipBlock: {cidr: 0.0.0.0/0}}]", "nobody to tell"},
	} {
		expectComplaint(t, base, mistake.old, mistake.new, mistake.complaint)
	}
	for _, mistake := range []struct{ old, new, complaint string }{
		{"mountPath: /etc/incident-hub/upstream", "mountPath: /etc/incident-hub", "nothing is mounted where"},
		{"        - mountPath: /etc/incident-hub/upstream\n          name: bigpanda-upstream\n          readOnly: true",
			"        - mountPath: /etc/incident-hub/upstream\n          name: bigpanda-upstream", "can write /etc/incident-hub"},
		{"          name: bigpanda-upstream\n          readOnly: true",
			"          name: bigpanda-upstream\n          readOnly: true\n          subPath: x", "does not see changes"},
		{"optional: false", "optional: true", "starts without a Secret"},
		{"- port: 443", "- port: 444", "no way out"},
		{"      protocol: UDP", "      protocol: SCTP", "cannot ask DNS"},
		{"cidr: 0.0.0.0/0", "cidr: 0.0.0.0", "is no range"},
		{"- 10.0.0.0/8", "- 10.0.0.1/8", "is no range"},
		{"- 10.0.0.0/8", "- fc00::/7", "is no part of"},
	} {
		expectComplaint(t, upstream, mistake.old, mistake.new, mistake.complaint)
	}
}

func expectComplaint(t *testing.T, dir, old, new, want string) {
	t.Helper()
	complaints := strings.Join(complaintsAfter(t, dir, old, new), "\n")
	if !strings.Contains(complaints, want) {
		t.Errorf("%q for %q: got %q, want %q", new, old, complaints, want)
	}
}
