package main

import (
	"fmt"
	"net/netip"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

type checker struct {
	objects    set
	complaints []string
}

func check(objects set) []string {
	c := &checker{objects: objects}
	if len(objects.workloads) == 0 {
		c.complain("nothing", "runs")
	}
	for _, w := range objects.workloads {
		c.checkReferences(w)
		c.checkPod(w)
		c.checkFlags(w)
		c.checkFiles(w)
		c.checkWayOut(w)
	}
	for _, s := range objects.services {
		c.checkService(s)
	}
	for _, b := range objects.budgets {
		c.selected("PodDisruptionBudget "+b.Name, b.Spec.Selector)
	}
	c.checkPolicies()
	for _, n := range objects.namespaces {
		c.checkNamespace(n)
	}
	for _, a := range objects.autoscalers {
		c.checkAutoscaler(a)
	}
	for _, i := range objects.ingresses {
		c.checkIngress(i)
	}
	for _, m := range objects.monitors {
		c.checkMonitor(m)
	}
	for _, certificate := range objects.certificates {
		c.checkCertificate(certificate)
	}
	return c.complaints
}

func (c *checker) complain(who, format string, args ...interface{}) {
	c.complaints = append(c.complaints, who+": "+fmt.Sprintf(format, args...))
}

// selected answers with the workloads whose pods the selector means; there must be one.
func (c *checker) selected(who string, selector *metav1.LabelSelector) []workload {
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		c.complain(who, "%v", err)
		return nil
	}
	var found []workload
	for _, w := range c.objects.workloads {
		if s.Matches(labels.Set(w.template.Labels)) {
			found = append(found, w)
		}
	}
	if len(found) == 0 {
		c.complain(who, "selects no pod: %s", s)
	}
	return found
}

func hasPort(w workload, port intstr.IntOrString) bool {
	for _, container := range w.template.Spec.Containers {
		for _, p := range container.Ports {
			if port.Type == intstr.String && p.Name == port.StrVal {
				return true
			}
			if port.Type == intstr.Int && p.ContainerPort == port.IntVal {
				return true
			}
		}
	}
	return false
}

func (c *checker) checkService(s *corev1.Service) {
	who := "Service " + s.Name
	for _, w := range c.selected(who, &metav1.LabelSelector{MatchLabels: s.Spec.Selector}) {
		for _, port := range s.Spec.Ports {
			if !hasPort(w, port.TargetPort) {
				c.complain(who, "%s has no port %s", w.name, port.TargetPort.String())
			}
		}
	}
}

// checkPolicies: each is sound, and one of them shuts out what no other allows.
func (c *checker) checkPolicies() {
	closed := false
	for _, p := range c.objects.policies {
		c.checkPolicy(p)
		all := len(p.Spec.PodSelector.MatchLabels) == 0 && len(p.Spec.PodSelector.MatchExpressions) == 0
		closed = closed || (all && len(p.Spec.PolicyTypes) == 2 && len(p.Spec.Ingress) == 0 && len(p.Spec.Egress) == 0)
	}
	if !closed {
		c.complain("NetworkPolicies", "none shuts out what the others do not allow")
	}
}

func (c *checker) checkPolicy(p *networkingv1.NetworkPolicy) {
	who := "NetworkPolicy " + p.Name
	for _, w := range c.selected(who, &p.Spec.PodSelector) {
		for _, rule := range p.Spec.Ingress {
			for _, port := range rule.Ports {
				if port.Port != nil && !hasPort(w, *port.Port) {
					c.complain(who, "%s has no port %s", w.name, port.Port.String())
				}
			}
		}
	}
	for _, rule := range p.Spec.Egress {
		for _, to := range rule.To {
			c.checkBlock(who, to.IPBlock)
			if to.PodSelector == nil || to.NamespaceSelector != nil {
				continue
			}
			for _, w := range c.selected(who, to.PodSelector) {
				for _, port := range rule.Ports {
					if port.Port != nil && !hasPort(w, *port.Port) {
						c.complain(who, "%s has no port %s", w.name, port.Port.String())
					}
				}
			}
		}
	}
}

// checkBlock refuses what the API server would, too.
func (c *checker) checkBlock(who string, block *networkingv1.IPBlock) {
	if block == nil {
		return
	}
	whole, err := netip.ParsePrefix(block.CIDR)
	if err != nil || whole != whole.Masked() {
		c.complain(who, "%q is no range of addresses", block.CIDR)
		return
	}
	for _, except := range block.Except {
		part, err := netip.ParsePrefix(except)
		if err != nil || part != part.Masked() {
			c.complain(who, "%q is no range of addresses", except)
		} else if !whole.Contains(part.Addr()) || part.Bits() <= whole.Bits() {
			c.complain(who, "%s is no part of %s", except, block.CIDR)
		}
	}
}

func (c *checker) checkReferences(w workload) {
	if selector, err := metav1.LabelSelectorAsSelector(w.selector); w.selector != nil && (err != nil ||
		!selector.Matches(labels.Set(w.template.Labels))) {
		c.complain(w.name, "does not select its own pods")
	}
	if w.service != "" {
		found := false
		for _, s := range c.objects.services {
			found = found || (s.Name == w.service && s.Spec.ClusterIP == corev1.ClusterIPNone)
		}
		if !found {
			c.complain(w.name, "there is no headless Service %s", w.service)
		}
	}
	volumes := map[string]bool{}
	for _, v := range w.template.Spec.Volumes {
		volumes[v.Name] = true
		if v.PersistentVolumeClaim != nil && !c.hasClaim(v.PersistentVolumeClaim.ClaimName) {
			c.complain(w.name, "there is no PersistentVolumeClaim %s", v.PersistentVolumeClaim.ClaimName)
		}
	}
	for _, claim := range w.claims {
		volumes[claim.Name] = true
	}
	for _, container := range allContainers(w) {
		for _, mount := range container.VolumeMounts {
			if !volumes[mount.Name] {
				c.complain(w.name, "there is no volume %s", mount.Name)
			}
		}
	}
}

func (c *checker) hasClaim(name string) bool {
	for _, claim := range c.objects.claims {
		if claim.Name == name {
			return true
		}
	}
	return false
}

// checkNamespace: pods that are not restricted are turned down.
func (c *checker) checkNamespace(n *corev1.Namespace) {
	if n.Labels["pod-security.kubernetes.io/enforce"] != "restricted" {
		c.complain("Namespace "+n.Name, "does not enforce the restricted pod security standard")
	}
}

// checkAutoscaler: it scales a Deployment that does not say how many there are, since each apply would undo the other.
func (c *checker) checkAutoscaler(a *autoscalingv2.HorizontalPodAutoscaler) {
	who := "HorizontalPodAutoscaler " + a.Name
	for _, w := range c.objects.workloads {
		if w.kind == a.Spec.ScaleTargetRef.Kind && w.name == a.Spec.ScaleTargetRef.Name {
			if w.replicas != nil {
				c.complain(who, "%s has replicas of its own", w.name)
			}
			return
		}
	}
	c.complain(who, "there is no %s %s", a.Spec.ScaleTargetRef.Kind, a.Spec.ScaleTargetRef.Name)
}

func (c *checker) checkIngress(i *networkingv1.Ingress) {
	who := "Ingress " + i.Name
	if len(i.Spec.TLS) == 0 {
		c.complain(who, "has no TLS")
	}
	for _, rule := range i.Spec.Rules {
		for _, p := range rule.HTTP.Paths {
			found := false
			for _, s := range c.objects.services {
				for _, port := range s.Spec.Ports {
					found = found || (s.Name == p.Backend.Service.Name && port.Name == p.Backend.Service.Port.Name)
				}
			}
			if !found {
				c.complain(who, "there is no Service %s with a port %s", p.Backend.Service.Name, p.Backend.Service.Port.Name)
			}
		}
	}
}

// checkMonitor: exactly one Service has its labels and its ports; two would be the same pods twice.
func (c *checker) checkMonitor(m *monitoringv1.ServiceMonitor) {
	who := "ServiceMonitor " + m.Name
	selector, err := metav1.LabelSelectorAsSelector(&m.Spec.Selector)
	if err != nil {
		c.complain(who, "%v", err)
		return
	}
	for _, endpoint := range m.Spec.Endpoints {
		found := 0
		for _, s := range c.objects.services {
			for _, port := range s.Spec.Ports {
				if selector.Matches(labels.Set(s.Labels)) && port.Name == endpoint.Port {
					found++
				}
			}
		}
		if found != 1 {
			c.complain(who, "%d Services have its labels and a port %s", found, endpoint.Port)
		}
	}
}

func (c *checker) checkCertificate(certificate *certmanagerv1.Certificate) {
	for _, i := range c.objects.issuers {
		if certificate.Spec.IssuerRef.Kind == "Issuer" && certificate.Spec.IssuerRef.Name == i.Name {
			return
		}
	}
	c.complain("Certificate "+certificate.Name, "there is no Issuer %s", certificate.Spec.IssuerRef.Name)
}
