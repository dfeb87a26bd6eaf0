package main

import (
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// checkFlags: what names a flag file finds it, and no flag is given twice, of which the first would be without effect.
func (c *checker) checkFlags(w workload) {
	for _, container := range w.template.Spec.Containers {
		flags, complaints := c.objects.flags(w, container)
		c.complaints = append(c.complaints, complaints...)
		given := map[string]bool{}
		for _, arg := range flags {
			flag, _, _ := strings.Cut(arg, "=")
			if given[flag] && strings.HasPrefix(flag, "--") {
				c.complain(w.name, "has %s twice", flag)
			}
			given[flag] = true
		}
	}
}

const upstreamFlag = "--upstream_config="

// checkFiles: an argument that names a file finds it in a volume that cannot be written, and cannot be missing.
func (c *checker) checkFiles(w workload) {
	for _, container := range w.template.Spec.Containers {
		flags, _ := c.objects.flags(w, container)
		for _, arg := range flags {
			flag, file, _ := strings.Cut(arg, "=")
			if !strings.HasSuffix(flag, "_file") && !strings.HasSuffix(flag, "_config") {
				continue
			}
			mount, volume := volumeAt(w, container, file)
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
			if volume == nil || volume.Secret == nil || (volume.Secret.Optional != nil && *volume.Secret.Optional) {
				c.complain(w.name, "starts without a Secret in %s", mount.MountPath)
			}
		}
	}
}

// checkWayOut: who tells sources about incidents reaches them over HTTPS, and DNS; who does not dials the world in no way.
func (c *checker) checkWayOut(w workload) {
	upstream := false
	for _, container := range w.template.Spec.Containers {
		flags, _ := c.objects.flags(w, container)
		for _, arg := range flags {
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
	if spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken {
		c.complain(w.name, "has a token for the Kubernetes API")
	}
	for _, container := range allContainers(w) {
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
	}
	if w.kind == "CronJob" {
		return // It ends by itself.
	}
	for _, container := range spec.Containers {
		who := w.name + "/" + container.Name
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
		c.checkDrain(w, container)
	}
}

func allContainers(w workload) []corev1.Container {
	return append(append([]corev1.Container{}, w.template.Spec.InitContainers...), w.template.Spec.Containers...)
}

// checkDrain: the wait before the stop and the stop together end before the pod is killed.
func (c *checker) checkDrain(w workload, container corev1.Container) {
	const prefix = "--drain_timeout="
	who := w.name + "/" + container.Name
	grace := w.template.Spec.TerminationGracePeriodSeconds
	var wait time.Duration
	if l := container.Lifecycle; l != nil && l.PreStop != nil && l.PreStop.Exec != nil {
		if command := l.PreStop.Exec.Command; len(command) == 2 && command[0] == "sleep" {
			seconds, err := strconv.Atoi(command[1])
			if err != nil {
				c.complain(who, "%v", err)
			}
			wait = time.Duration(seconds) * time.Second
		}
	}
	flags, _ := c.objects.flags(w, container)
	for _, arg := range flags {
		if !strings.HasPrefix(arg, prefix) {
			continue
		}
		drain, err := time.ParseDuration(strings.TrimPrefix(arg, prefix))
		if err != nil {
			c.complain(who, "%v", err)
		} else if grace == nil || time.Duration(*grace)*time.Second <= wait+drain {
			c.complain(who, "is killed before its drain timeout of %v is over", drain)
		}
		return
	}
	c.complain(who, "has no %s", prefix)
}
