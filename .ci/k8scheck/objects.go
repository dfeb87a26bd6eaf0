package main

import (
	"fmt"
	"path"
	"strings"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// workload is what runs pods: what a StatefulSet, a Deployment and a CronJob have in common.
type workload struct {
	name     string
	kind     string
	replicas *int32 // Deployment only
	service  string // StatefulSet only
	claims   []corev1.PersistentVolumeClaim
	selector *metav1.LabelSelector // nil of a CronJob
	template corev1.PodTemplateSpec
}

type set struct {
	workloads    []workload
	services     []*corev1.Service
	configs      []*corev1.ConfigMap
	claims       []*corev1.PersistentVolumeClaim
	namespaces   []*corev1.Namespace
	budgets      []*policyv1.PodDisruptionBudget
	policies     []*networkingv1.NetworkPolicy
	ingresses    []*networkingv1.Ingress
	autoscalers  []*autoscalingv2.HorizontalPodAutoscaler
	monitors     []*monitoringv1.ServiceMonitor
	issuers      []*certmanagerv1.Issuer
	certificates []*certmanagerv1.Certificate
}

// The kinds of custom resources are checked as their Go types decode: names of fields and types of values, but neither the
// values of enumerations nor what an admission webhook would say.
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
		if !objects.add(kind, strictly) {
			complaints = append(complaints, fmt.Sprintf("no check knows %s %s", kind.APIVersion, kind.Kind))
		}
	}
	return objects, complaints
}

// add is false for a kind that nobody here knows.
func (objects *set) add(kind metav1.TypeMeta, strictly func(interface{})) bool {
	switch kind.APIVersion + " " + kind.Kind {
	case "apps/v1 StatefulSet":
		var s appsv1.StatefulSet
		strictly(&s)
		objects.workloads = append(objects.workloads, workload{name: s.Name, kind: kind.Kind, service: s.Spec.ServiceName,
			claims: s.Spec.VolumeClaimTemplates, selector: s.Spec.Selector, template: s.Spec.Template})
	case "apps/v1 Deployment":
		var d appsv1.Deployment
		strictly(&d)
		objects.workloads = append(objects.workloads, workload{name: d.Name, kind: kind.Kind, replicas: d.Spec.Replicas,
			selector: d.Spec.Selector, template: d.Spec.Template})
	case "batch/v1 CronJob":
		var j batchv1.CronJob
		strictly(&j)
		objects.workloads = append(objects.workloads, workload{name: j.Name, kind: kind.Kind,
			template: j.Spec.JobTemplate.Spec.Template})
	case "v1 Service":
		s := new(corev1.Service)
		strictly(s)
		objects.services = append(objects.services, s)
	case "v1 ConfigMap":
		m := new(corev1.ConfigMap)
		strictly(m)
		objects.configs = append(objects.configs, m)
	case "v1 PersistentVolumeClaim":
		v := new(corev1.PersistentVolumeClaim)
		strictly(v)
		objects.claims = append(objects.claims, v)
	case "v1 Namespace":
		n := new(corev1.Namespace)
		strictly(n)
		objects.namespaces = append(objects.namespaces, n)
	case "policy/v1 PodDisruptionBudget":
		b := new(policyv1.PodDisruptionBudget)
		strictly(b)
		objects.budgets = append(objects.budgets, b)
	case "networking.k8s.io/v1 NetworkPolicy":
		p := new(networkingv1.NetworkPolicy)
		strictly(p)
		objects.policies = append(objects.policies, p)
	case "networking.k8s.io/v1 Ingress":
		i := new(networkingv1.Ingress)
		strictly(i)
		objects.ingresses = append(objects.ingresses, i)
	case "autoscaling/v2 HorizontalPodAutoscaler":
		a := new(autoscalingv2.HorizontalPodAutoscaler)
		strictly(a)
		objects.autoscalers = append(objects.autoscalers, a)
	case "monitoring.coreos.com/v1 ServiceMonitor":
		m := new(monitoringv1.ServiceMonitor)
		strictly(m)
		objects.monitors = append(objects.monitors, m)
	case "monitoring.coreos.com/v1 PrometheusRule":
		// What it says is promtool's to check.
		strictly(new(monitoringv1.PrometheusRule))
	case "cert-manager.io/v1 Issuer":
		i := new(certmanagerv1.Issuer)
		strictly(i)
		objects.issuers = append(objects.issuers, i)
	case "cert-manager.io/v1 Certificate":
		c := new(certmanagerv1.Certificate)
		strictly(c)
		objects.certificates = append(objects.certificates, c)
	default:
		return false
	}
	return true
}

// volumeAt is the mount of the folder that `file` lies in, and its volume; nil if there is none.
func volumeAt(w workload, container corev1.Container, file string) (*corev1.VolumeMount, *corev1.Volume) {
	for i, mount := range container.VolumeMounts {
		if path.Dir(file) != mount.MountPath {
			continue
		}
		for j, volume := range w.template.Spec.Volumes {
			if volume.Name == mount.Name {
				return &container.VolumeMounts[i], &w.template.Spec.Volumes[j]
			}
		}
		return &container.VolumeMounts[i], nil
	}
	return nil, nil
}

const flagfileFlag = "--flagfile="

// flags are a container's arguments with each flag file of a ConfigMap in its place, in order, and why one cannot be read.
func (objects *set) flags(w workload, container corev1.Container) (flags []string, complaints []string) {
	for _, arg := range container.Args {
		if !strings.HasPrefix(arg, flagfileFlag) {
			flags = append(flags, arg)
			continue
		}
		file := strings.TrimPrefix(arg, flagfileFlag)
		text, found := "", false
		if _, volume := volumeAt(w, container, file); volume != nil && volume.ConfigMap != nil {
			for _, m := range objects.configs {
				if m.Name == volume.ConfigMap.Name {
					text, found = m.Data[path.Base(file)]
				}
			}
		}
		if !found {
			complaints = append(complaints, fmt.Sprintf("%s: there is no %s in a ConfigMap", w.name, file))
		}
		for _, line := range strings.Split(text, "\n") {
			line = strings.TrimSpace(line)
			if line != "" && !strings.HasPrefix(line, "#") {
				flags = append(flags, line)
			}
		}
	}
	return flags, complaints
}
