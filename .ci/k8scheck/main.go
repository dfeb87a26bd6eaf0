// k8scheck renders a kustomization and checks what comes out, without a cluster: every object decodes strictly as its kind
// (an unknown or repeated field is an error), what refers to something finds it, and the pods keep the rules of the
// restricted pod security standard.
//
// k8scheck DIR prints the rendered objects; complaints go to standard error, and the exit code is then 1.
// k8scheck -args DIR prints "<container> <argument>" lines instead, for a comparison with the binaries' flags.
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
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: k8scheck [-args] DIR")
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
				for _, arg := range c.Args {
					fmt.Println(c.Name, arg)
				}
			}
		}
	} else {
		fmt.Println(strings.Join(rendered, "---\n"))
	}
	for _, complaint := range complaints {
		fmt.Fprintln(os.Stderr, "k8scheck:", complaint)
	}
	if len(complaints) > 0 {
		os.Exit(1)
	}
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
