package main

import (
	"strings"
	"testing"
)

const base = "../../k8s/base"

func complaintsAfter(t *testing.T, old, new string) []string {
	t.Helper()
	rendered, err := render(base)
	if err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(rendered, "\n"); !strings.Contains(all, old) {
		t.Fatalf("the rendered base has no %q", old)
	}
	for i := range rendered {
		rendered[i] = strings.ReplaceAll(rendered[i], old, new)
	}
	objects, complaints := decode(rendered)
	return append(complaints, check(objects)...)
}

func TestTheBaseIsClean(t *testing.T) {
	if complaints := complaintsAfter(t, "", ""); len(complaints) > 0 {
		t.Error(complaints)
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
	} {
		complaints := strings.Join(complaintsAfter(t, mistake.old, mistake.new), "\n")
		if !strings.Contains(complaints, mistake.complaint) {
			t.Errorf("%q for %q: got %q, want %q", mistake.new, mistake.old, complaints, mistake.complaint)
		}
	}
}
