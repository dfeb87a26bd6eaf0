package main

import (
	"fmt"
	"net/netip"
	"path"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// workload is what a StatefulSet and a Deployment have in common.
type workload struct {
	name     string
	service  string // StatefulSet only
	claims   []corev1.PersistentVolumeClaim
	selector *metav1.LabelSelector
	template corev1.PodTemplateSpec
}

type set struct {
	workloads []workload
	services  []*corev1.Service
	budgets   []*policyv1.PodDisruptionBudget
	policies  []*networkingv1.NetworkPolicy
}

func decode(documents []string) (set, []string) {
	var objects set
	var complaints []string
	for _, document := range documents {
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
			complaints = append(complaints, err.Error())
			continue
		}
		strictly := func(into interface{}) {
			if err := yaml.UnmarshalStrict([]byte(document), into); err != nil {
				complaints = append(complaints, fmt.Sprintf("%s: %v", kind.Kind, err))
			}
		}
		switch kind.APIVersion + " " + kind.Kind {
		case "apps/v1 StatefulSet":
			var s appsv1.StatefulSet
			strictly(&s)
			objects.workloads = append(objects.workloads, workload{
				s.Name, s.Spec.ServiceName, s.Spec.VolumeClaimTemplates, s.Spec.Selector, s.Spec.Template})
		case "apps/v1 Deployment":
			var d appsv1.Deployment
			strictly(&d)
			objects.workloads = append(objects.workloads, workload{
				name: d.Name, selector: d.Spec.Selector, template: d.Spec.Template})
		case "v1 Service":
			s := new(corev1.Service)
			strictly(s)
			objects.services = append(objects.services, s)
		case "policy/v1 PodDisruptionBudget":
			b := new(policyv1.PodDisruptionBudget)
			strictly(b)
			objects.budgets = append(objects.budgets, b)
		case "networking.k8s.io/v1 NetworkPolicy":
			p := new(networkingv1.NetworkPolicy)
			strictly(p)
			objects.policies = append(objects.policies, p)
		default:
			complaints = append(complaints, fmt.Sprintf("no check knows %s %s", kind.APIVersion, kind.Kind))
		}
	}
	return objects, complaints
}

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
		c.checkFiles(w)
		c.checkWayOut(w)
	}
	for _, s := range objects.services {
		c.checkService(s)
	}
	for _, b := range objects.budgets {
		c.selected("PodDisruptionBudget "+b.Name, b.Spec.Selector)
	}
	for _, p := range objects.policies {
		c.checkPolicy(p)
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

const upstreamFlag = "--upstream_config="

// checkFiles: an argument that names a file finds it in a volume that cannot be written, and cannot be missing.
func (c *checker) checkFiles(w workload) {
	for _, container := range w.template.Spec.Containers {
		for _, arg := range container.Args {
			flag, file, _ := strings.Cut(arg, "=")
			if !strings.HasSuffix(flag, "_file") && !strings.HasSuffix(flag, "_config") {
				continue
			}
			var mount *corev1.VolumeMount
			for i, m := range container.VolumeMounts {
				if path.Dir(file) == m.MountPath {
					mount = &container.VolumeMounts[i]
				}
			}
			if mount == nil {
				c.complain(w.name, "nothing is mounted where %s looks", arg)
				continue
			}
			if !mount.ReadOnly {
				c.complain(w.name, "can write %s", mount.MountPath)
			}
			if mount.SubPath != "" {
				c.complain(w.name, "does not see changes of %s", mount.MountPath)
			}
			for _, v := range w.template.Spec.Volumes {
				if v.Name == mount.Name && (v.Secret == nil || (v.Secret.Optional != nil && *v.Secret.Optional)) {
					c.complain(w.name, "starts without a Secret in %s", mount.MountPath)
				}
			}
		}
	}
}

// checkWayOut: who tells sources about incidents reaches them over HTTPS, and DNS; who does not dials the world in no way.
func (c *checker) checkWayOut(w workload) {
	upstream := false
	for _, container := range w.template.Spec.Containers {
		for _, arg := range container.Args {
			upstream = upstream || strings.HasPrefix(arg, upstreamFlag)
		}
	}
	https, dns := false, map[corev1.Protocol]bool{}
	for _, p := range c.objects.policies {
		s, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
		if err != nil || !s.Matches(labels.Set(w.template.Labels)) {
			continue
		}
		for _, rule := range p.Spec.Egress {
			if len(rule.To) == 0 || len(rule.Ports) == 0 {
				c.complain(w.name, "NetworkPolicy %s lets it dial everybody, or every port", p.Name)
			}
			for _, port := range rule.Ports {
				protocol := corev1.ProtocolTCP
				if port.Protocol != nil {
					protocol = *port.Protocol
				}
				for _, to := range rule.To {
					outside := to.IPBlock != nil
					if outside && !upstream {
						c.complain(w.name, "NetworkPolicy %s lets it out, and it has nobody to tell", p.Name)
					}
					if port.Port == nil {
						continue
					}
					https = https || (outside && protocol == corev1.ProtocolTCP && port.Port.IntVal == 443)
					if to.NamespaceSelector != nil && port.Port.IntVal == 53 {
						dns[protocol] = true
					}
				}
			}
		}
	}
	if upstream && !https {
		c.complain(w.name, "has %s, and no way out to TCP 443", upstreamFlag)
	}
	if upstream && !(dns[corev1.ProtocolTCP] && dns[corev1.ProtocolUDP]) {
		c.complain(w.name, "has %s, and cannot ask DNS over UDP and TCP", upstreamFlag)
	}
}

func (c *checker) checkReferences(w workload) {
	if selector, err := metav1.LabelSelectorAsSelector(w.selector); err != nil ||
		!selector.Matches(labels.Set(w.template.Labels)) {
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
	}
	for _, claim := range w.claims {
		volumes[claim.Name] = true
	}
	for _, container := range w.template.Spec.Containers {
		for _, mount := range container.VolumeMounts {
			if !volumes[mount.Name] {
				c.complain(w.name, "there is no volume %s", mount.Name)
			}
		}
	}
}

// checkPod keeps the restricted pod security standard, probes, bounds, and time enough to drain.
func (c *checker) checkPod(w workload) {
	spec := w.template.Spec
	pod := spec.SecurityContext
	if pod == nil || pod.RunAsNonRoot == nil || !*pod.RunAsNonRoot {
		c.complain(w.name, "may run as root")
	}
	if pod == nil || pod.SeccompProfile == nil || pod.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		c.complain(w.name, "has no seccomp profile")
	}
	for _, container := range spec.Containers {
		who := w.name + "/" + container.Name
		s := container.SecurityContext
		if s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
			c.complain(who, "can write its root file system")
		}
		if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation {
			c.complain(who, "can gain privileges")
		}
		if s == nil || s.Capabilities == nil || len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL" {
			c.complain(who, "keeps capabilities")
		}
		if container.Resources.Requests.Cpu().IsZero() || container.Resources.Requests.Memory().IsZero() ||
			container.Resources.Limits.Memory().IsZero() {
			c.complain(who, "lacks a request for CPU or memory, or a limit of memory")
		}
		for name, probe := range map[string]*corev1.Probe{"startup": container.StartupProbe,
			"liveness": container.LivenessProbe, "readiness": container.ReadinessProbe} {
			want := "/livez"
			if name == "readiness" {
				want = "/readyz"
			}
			if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != want {
				c.complain(who, "its %s probe does not ask %s", name, want)
			} else if !hasPort(w, probe.HTTPGet.Port) {
				c.complain(who, "its %s probe asks a port that is not there", name)
			}
		}
		c.checkDrain(who, container, spec.TerminationGracePeriodSeconds)
	}
}

func (c *checker) checkDrain(who string, container corev1.Container, grace *int64) {
	const prefix = "--drain_timeout="
	for _, arg := range container.Args {
		if !strings.HasPrefix(arg, prefix) {
			continue
		}
		drain, err := time.ParseDuration(strings.TrimPrefix(arg, prefix))
		if err != nil {
			c.complain(who, "%v", err)
		} else if grace == nil || time.Duration(*grace)*time.Second <= drain {
			c.complain(who, "is killed before its drain timeout of %v is over", drain)
		}
		return
	}
	c.complain(who, "has no %s", prefix)
}
