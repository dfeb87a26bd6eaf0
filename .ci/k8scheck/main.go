// k8scheck renders a kustomization and checks what comes out, without a cluster: every object decodes strictly as its kind
// (an unknown or repeated field is an error), what refers to something finds it, and the pods keep the rules of the
// restricted pod security standard.
//
// k8scheck DIR prints the rendered objects; complaints go to standard error, and the exit code is then 1.
// k8scheck -args DIR prints "<container> <argument>" lines instead, for a comparison with the binaries' flags; what stands in
// flag files of ConfigMaps is among them.
// k8scheck -alerts RULES GUIDE TEST... checks that each alert is explained and tested.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

func main() {
	args := flag.Bool("args", false, "print the containers' arguments instead of the objects")
	alerts := flag.Bool("alerts", false, "check a PrometheusRule, the operator's guide and promtool's tests")
	flag.Parse()
	if *alerts && flag.NArg() > 2 {
		exit(checkAlertFiles(flag.Arg(0), flag.Arg(1), flag.Args()[2:]))
	}
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: k8scheck [-args] DIR | -alerts RULES GUIDE TEST...")
		os.Exit(2)
	}
	rendered, err := render(flag.Arg(0))
	if err != nil {
		fmt.Fprintln(os.Stderr, "k8scheck:", err)
		os.Exit(1)
	}
	objects, complaints := decode(rendered)
	complaints = append(complaints, check(objects)...)
	if *args {
		for _, w := range objects.workloads {
			for _, c := range w.template.Spec.Containers {
				flags, _ := objects.flags(w, c)
				for _, flag := range flags {
					// Not a shell's.
					if strings.HasPrefix(flag, "--") {
						fmt.Println(c.Name, flag)
					}
				}
			}
		}
	} else {
		fmt.Println(strings.Join(rendered, "---\n"))
	}
	exit(complaints)
}

func exit(complaints []string) {
	for _, complaint := range complaints {
		fmt.Fprintln(os.Stderr, "k8scheck:", complaint)
	}
	if len(complaints) > 0 {
		os.Exit(1)
	}
	os.Exit(0)
}

// render answers with one YAML document an object.
func render(dir string) ([]string, error) {
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, err
	}
	var rendered []string
	for _, object := range objects.Resources() {
		yaml, err := object.AsYAML()
		if err != nil {
			return nil, err
		}
		rendered = append(rendered, string(yaml))
	}
	return rendered, nil
}
