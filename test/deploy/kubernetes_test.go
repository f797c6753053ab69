package deploy

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// kinds makes an empty object of each kind that is shipped.
func kinds() map[string]func() any {
	return map[string]func() any{
		"v1/ConfigMap":                       func() any { return new(core.ConfigMap) },
		"v1/Service":                         func() any { return new(core.Service) },
		"apps/v1/Deployment":                 func() any { return new(apps.Deployment) },
		"batch/v1/CronJob":                   func() any { return new(batch.CronJob) },
		"policy/v1/PodDisruptionBudget":      func() any { return new(policy.PodDisruptionBudget) },
		"networking.k8s.io/v1/NetworkPolicy": func() any { return new(networking.NetworkPolicy) },
	}
}

// manifests reads what is shipped for Kubernetes, strictly: a field that
// Kubernetes does not know, or of another type, fails the test.
func manifests(t *testing.T) []any {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "deploy", "kubernetes", "*.yaml"))
	if err != nil || len(files) < 3 {
		t.Fatalf("found %q, %v", files, err)
	}
	var all []any
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for part := range bytes.SplitSeq(text, []byte("\n---\n")) {
			var kind struct{ APIVersion, Kind string }
			if err := yaml.Unmarshal(part, &kind); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			make := kinds()[kind.APIVersion+"/"+kind.Kind]
			if make == nil {
				t.Fatalf("%s: %s/%s is no kind that is known here", file, kind.APIVersion, kind.Kind)
			}
			object := make()
			if err := yaml.UnmarshalStrict(part, object); err != nil {
				t.Errorf("%s: %s: %v", file, kind.Kind, err)
			}
			all = append(all, object)
		}
	}
	return all
}

func TestManifests(t *testing.T) {
	var pods []core.PodTemplateSpec
	for _, m := range manifests(t) {
		switch m := m.(type) {
		case *apps.Deployment:
			if m.Spec.Replicas == nil || *m.Spec.Replicas != 2 {
				t.Error("the deployment is not of two")
			}
			if !selects(m.Spec.Selector.MatchLabels, m.Spec.Template.Labels) {
				t.Error("the deployment does not select its own pods")
			}
			pods = append(pods, m.Spec.Template)
		case *batch.CronJob:
			if m.Spec.ConcurrencyPolicy != batch.ForbidConcurrent {
				t.Error("two jobs may run at once")
			}
			pods = append(pods, m.Spec.JobTemplate.Spec.Template)
		case *core.Service:
			if !selects(m.Spec.Selector, map[string]string{"app.kubernetes.io/name": "stitch"}) {
				t.Error("the service selects no pod of stitch")
			}
		}
	}
	if len(pods) != 2 {
		t.Fatalf("%d pods, want those of the deployment and of the job", len(pods))
	}
	for _, p := range pods {
		restricted(t, p.Spec)
		mounted(t, p.Spec)
	}
}

func selects(selector, labels map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return len(selector) > 0
}

// restricted holds a pod to Kubernetes's restricted pod security standard, and
// to a root file system that is only read.
func restricted(t *testing.T, p core.PodSpec) {
	t.Helper()
	if s := p.SecurityContext; s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot ||
		s.SeccompProfile == nil || s.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
		t.Error("a pod may run as root, or without a seccomp profile")
	}
	if p.AutomountServiceAccountToken == nil || *p.AutomountServiceAccountToken {
		t.Error("a pod is given a token of the cluster's, which it does not need")
	}
	for _, c := range p.Containers {
		s := c.SecurityContext
		if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation ||
			s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem ||
			s.Capabilities == nil || !slices.Contains(s.Capabilities.Drop, "ALL") {
			t.Errorf("container %s is allowed more than it needs", c.Name)
		}
		if c.Resources.Limits.Memory().IsZero() {
			t.Errorf("container %s may take all memory", c.Name)
		}
	}
}

// mounted looks that every volume is there, and that the configuration names
// only files that are mounted.
func mounted(t *testing.T, p core.PodSpec) {
	t.Helper()
	volumes := map[string]bool{}
	for _, v := range p.Volumes {
		volumes[v.Name] = true
	}
	for _, c := range p.Containers {
		var paths []string
		for _, m := range c.VolumeMounts {
			if !volumes[m.Name] {
				t.Errorf("container %s mounts %s, which is no volume", c.Name, m.Name)
			}
			paths = append(paths, m.MountPath)
		}
		for _, e := range c.Env {
			if strings.HasSuffix(e.Name, "_FILE") && !slices.ContainsFunc(paths, func(p string) bool { return strings.HasPrefix(e.Value, p+"/") }) {
				t.Errorf("container %s: %s names %s, which is not mounted", c.Name, e.Name, e.Value)
			}
		}
	}
}
