package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/yaml"
)

// alertTests is as much of promtool's test files as is looked at here.
type alertTests struct {
	Tests []struct {
		AlertRuleTest []struct {
			Alertname string        `json:"alertname"`
			ExpAlerts []interface{} `json:"exp_alerts"`
		} `json:"alert_rule_test"`
	} `json:"tests"`
}

var guideHeading = regexp.MustCompile(`(?m)^### (Incident[A-Za-z]+)$`)

// checkAlerts: whoever is woken by an alert reads what it means and finds what to do, at a heading of the operator's guide;
// and promtool is asked both whether it comes and whether it stays away. The guide has no headings of alerts that are gone.
func checkAlerts(rules monitoringv1.PrometheusRule, tests []alertTests, guidePath, guide string) []string {
	var complaints []string
	complain := func(who, what string) { complaints = append(complaints, who+": "+what) }
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, file := range tests {
		for _, test := range file.Tests {
			for _, alert := range test.AlertRuleTest {
				if len(alert.ExpAlerts) > 0 {
					fires[alert.Alertname] = true
				} else {
					silent[alert.Alertname] = true
				}
			}
		}
	}
	explained := map[string]bool{}
	for _, heading := range guideHeading.FindAllStringSubmatch(guide, -1) {
		explained[heading[1]] = true
	}
	known := map[string]bool{}
	for _, group := range rules.Spec.Groups {
		for _, rule := range group.Rules {
			name := rule.Alert
			if known[name] {
				complain(name, "is there twice")
			}
			known[name] = true
			if severity := rule.Labels["severity"]; severity != "critical" && severity != "warning" {
				complain(name, "is neither critical nor a warning")
			}
			if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
				complain(name, "has no summary or no description")
			}
			if want := guidePath + "#" + strings.ToLower(name); rule.Annotations["runbook_url"] != want {
				complain(name, "its runbook_url is not "+want)
			}
			if !explained[name] {
				complain(name, "has no heading in "+guidePath)
			}
			if !fires[name] {
				complain(name, "has no test in which it fires")
			}
			if !silent[name] {
				complain(name, "has no test in which it does not fire")
			}
		}
	}
	for _, names := range []map[string]bool{explained, fires, silent} {
		for name := range names {
			if !known[name] {
				complain(name, "is no alert, and has a test or a heading")
			}
		}
	}
	if len(known) == 0 {
		complain("nothing", "alerts")
	}
	return complaints
}

// checkAlertFiles reads a PrometheusRule, the guide and promtool's files from the project's root.
func checkAlertFiles(rulesPath, guidePath string, testPaths []string) []string {
	var rules monitoringv1.PrometheusRule
	tests := make([]alertTests, len(testPaths))
	guide, err := os.ReadFile(guidePath)
	if err == nil {
		err = readYAML(rulesPath, &rules)
	}
	for i, path := range testPaths {
		if err == nil {
			err = readYAML(path, &tests[i])
		}
	}
	if err != nil {
		return []string{err.Error()}
	}
	return checkAlerts(rules, tests, guidePath, string(guide))
}

func readYAML(path string, into interface{}) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
