package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/yaml"
)

const k8s = "../../k8s"

// renderWith renders an overlay, with components on top.
func renderWith(t *testing.T, overlay string, components []string) []string {
	t.Helper()
	dir := filepath.Join(k8s, overlay)
	if len(components) > 0 {
		dir = t.TempDir()
		from := func(path string) string {
			absolute, err := filepath.Abs(filepath.Join(k8s, path))
			if err != nil {
				t.Fatal(err)
			}
			relative, err := filepath.Rel(dir, absolute)
			if err != nil {
				t.Fatal(err)
			}
			return relative
		}
		text := fmt.Sprintf("resources: [%s]\ncomponents:\n", from(overlay))
		for _, component := range components {
			text += "- " + from("components/"+component) + "\n"
		}
		if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rendered, err := render(dir)
	if err != nil {
		t.Fatal(err)
	}
	return rendered
}

func complaintsAfter(t *testing.T, rendered []string, old, new string) []string {
	t.Helper()
	if all := strings.Join(rendered, "\n"); !strings.Contains(all, old) {
		t.Fatalf("what is rendered has no %q", old)
	}
	changed := make([]string, len(rendered))
	for i := range rendered {
		changed[i] = strings.ReplaceAll(rendered[i], old, new)
	}
	objects, complaints := decode(changed)
	return append(complaints, check(objects)...)
}

type mistake struct{ old, new, complaint string }

func expectComplaints(t *testing.T, rendered []string, mistakes []mistake) {
	t.Helper()
	if complaints := complaintsAfter(t, rendered, "", ""); len(complaints) > 0 {
		t.Errorf("without a mistake: %v", complaints)
	}
	for _, m := range mistakes {
		complaints := strings.Join(complaintsAfter(t, rendered, m.old, m.new), "\n")
		if !strings.Contains(complaints, m.complaint) {
			t.Errorf("%q for %q: got %q, want %q", m.new, m.old, complaints, m.complaint)
		}
	}
}

func TestEachMistakeInTheBaseIsFound(t *testing.T) {
	// Where the hub's policy begins to say who comes in; it lets nobody out.
	const ofHub = "spec:\n  ingress:\n  - from:\n    - podSelector:\n        matchLabels:\n          app.kubernetes.io/name: incident-gateway\n"
	expectComplaints(t, renderWith(t, "base", nil), []mistake{
		{"readinessProbe:", "readynessProbe:", "unknown field"},
		{"kind: PodDisruptionBudget", "kind: PodDisruptionBudge", "no check knows"},
		{"serviceName: incident-hub-headless", "serviceName: hub", "no headless Service"},
		{"    targetPort: grpc", "    targetPort: http2", "has no port http2"},
		{"  - port: 50051\n      protocol: TCP\n    to:", "  - port: 50052\n      protocol: TCP\n    to:", "has no port 50052"},
		{"        name: data\n", "        name: date\n", "no volume date"},
		{"runAsNonRoot: true", "runAsNonRoot: false", "may run as root"},
		{"readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "can write its root"},
		{"allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "can gain privileges"},
		{"automountServiceAccountToken: false", "automountServiceAccountToken: true", "has a token"},
		{"path: /readyz", "path: /ready", "does not ask /readyz"},
		{"--drain_timeout=20s", "--drain_timeout=40s", "is killed before"},
		{"--drain_timeout=30s", "--drain_timeout=56s", "is killed before"},
		{"--drain_timeout=20s", "--drain=20s", "has no --drain_timeout"},
		{"    --admin_listen=0.0.0.0:9090", "    --data_dir=/elsewhere", "has --data_dir twice"},
		{"memory: 2Gi", "memory: \"0\"", "limit of memory"},
		{"  hub.flags: |", "  hub.flag: |", "there is no /etc/incident-hub/flags/hub.flags"},
		{"mountPath: /etc/incident-hub/flags", "mountPath: /etc/incident-hub", "there is no /etc/incident-hub/flags/hub.flags"},
		{"  name: default-deny\nspec:\n", "  name: default-deny\nspec:\n  ingress:\n  - {}\n", "none shuts out"},
		{ofHub, "spec:\n  egress:\n  - {}\n" + ofHub[len("spec:\n"):], "lets it dial everybody"},
		{ofHub, "spec:\n  egress:\n  - ports: [{port: 443}]\n    to: [{ipBlock: {cidr: 0.0.0.0/0}}]\n" + ofHub[len("spec:\n"):],
			"nobody to tell"},
	})
}

func TestEachMistakeInProdIsFound(t *testing.T) {
	expectComplaints(t, renderWith(t, "overlays/prod", nil), []mistake{
		{"mountPath: /etc/incident-gateway/senders", "mountPath: /etc/incident-gateway", "nothing is mounted where"},
		{"mountPath: /etc/incident-hub/access", "mountPath: /etc/incident-hub", "nothing is mounted where"},
		{"enforce: restricted", "enforce: baseline", "does not enforce"},
		{"    kind: Deployment\n    name: incident-gateway", "    kind: Deployment\n    name: gateway", "there is no Deployment gateway"},
		{"spec:\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: incident-gateway\n  strategy",
			"spec:\n  replicas: 2\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: incident-gateway\n  strategy", "replicas of its own"},
	})
}

func TestEachMistakeInUpstreamIsFound(t *testing.T) {
	expectComplaints(t, renderWith(t, "overlays/upstream", nil), []mistake{
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
	})
}

func TestEachMistakeInComponentsIsFound(t *testing.T) {
	all := []string{"upstream", "sources", "monitoring", "cert-manager", "ingress", "backup"}
	expectComplaints(t, renderWith(t, "overlays/prod", all), []mistake{
		{"interval: 15s", "intervall: 15s", "unknown field"},
		{"  jobLabel:", "  joblabel2:", "unknown field"},
		{"    path: /metrics\n    port: admin", "    path: /metrics\n    port: adm", "0 Services have"},
		{"  clusterIP: None\n  ports:\n  - name: admin", "  clusterIP: None\n  ports:\n  - name: other", "0 Services have"},
		{"dnsNames:", "dnsName:", "unknown field"},
		{"    kind: Issuer\n    name: incident-hub\n", "    kind: Issuer\n    name: other\n", "there is no Issuer other"},
		{"              name: https", "              name: http", "no Service incident-gateway with a port http"},
		{"  tls:\n  - hosts:", "  rules: []\n  tls2:\n  - hosts:", "has no TLS"},
		{"claimName: incident-hub-backups", "claimName: backups", "no PersistentVolumeClaim backups"},
		{"        - --backup_dir=", "        - --upstream_config=", "has --upstream_config twice"},
		{"--hub_key_file=/etc/incident-gateway/hub/", "--hub_key_file=/etc/", "nothing is mounted where"},
	})
}

func TestEachMistakeInAlertsIsFound(t *testing.T) {
	const rules = `{"spec": {"groups": [{"name": "g", "rules": [{"alert": "IncidentX", "expr": "x", "labels": {"severity": "warning"},
		"annotations": {"summary": "s", "description": "d", "runbook_url": "guide.md#incidentx"}}]}]}}`
	const tests = `{"tests": [{"alert_rule_test": [{"alertname": "IncidentX", "exp_alerts": []}, {"alertname": "IncidentX", "exp_alerts": [{}]}]}]}`
	const guide = "# Guide\n\n### IncidentX\nDo.\n"
	complaints := func(rules, tests, guide string) string {
		var r monitoringv1.PrometheusRule
		var a alertTests
		if err := yaml.Unmarshal([]byte(rules), &r); err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal([]byte(tests), &a); err != nil {
			t.Fatal(err)
		}
		return strings.Join(checkAlerts(r, []alertTests{a}, "guide.md", guide), "\n")
	}
	if got := complaints(rules, tests, guide); got != "" {
		t.Errorf("without a mistake: %s", got)
	}
	for _, m := range []mistake{
		{"warning", "info", "neither critical"},
		{`"summary": "s"`, `"summary": ""`, "no summary"},
		{"#incidentx", "#incidenty", "runbook_url is not"},
		{`"exp_alerts": [{}]`, `"exp_alerts": []`, "no test in which it fires"},
		{`"exp_alerts": []`, `"exp_alerts": [{}]`, "no test in which it does not"},
		{"### IncidentX", "## IncidentX", "has no heading"},
		{"### IncidentX\n", "### IncidentX\n### IncidentY\n", "IncidentY: is no alert"},
		{`"rules": [`, `"other": [`, "nothing: alerts"},
	} {
		got := complaints(strings.ReplaceAll(rules, m.old, m.new), strings.ReplaceAll(tests, m.old, m.new),
			strings.ReplaceAll(guide, m.old, m.new))
		if !strings.Contains(got, m.complaint) {
			t.Errorf("%q for %q: got %q, want %q", m.new, m.old, got, m.complaint)
		}
	}
}
