package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/k8s/utils"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/policy/api"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	yamlutil "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// group is the part of a CIDR group that all versions have.
type group struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		ExternalCIDRs []string `json:"externalCIDRs"`
	} `json:"spec"`
}

// load reads, validates and translates the manifests of a job.
func load(version Version, job Job) (Taken, *world, error) {
	cluster := configure(version, job.Settings)
	taken := Taken{Refused: []Refusal{}}
	world := newWorld(version, job.Settings, cluster)
	texts := job.Texts
	for _, folder := range job.Folders {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" || entry.Name() == "kustomization.yaml" {
				return err
			}
			text, err := os.ReadFile(path)
			texts = append(texts, string(text))
			return err
		})
		if err != nil {
			return taken, nil, err
		}
	}
	for _, text := range texts {
		documents := yamlutil.NewYAMLReader(newReader(text))
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return taken, nil, err
			}
			if len(bytes.TrimSpace(document)) == 0 {
				continue
			}
			name, err := world.take(document)
			if err != nil {
				taken.Refused = append(taken.Refused, Refusal{Object: name, Why: err.Error()})
			} else {
				taken.Accepted++
			}
		}
	}
	return taken, world, nil
}

// take adds an object, if Cilium takes it.
func (world *world) take(document []byte) (string, error) {
	var kind struct {
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
	}
	if err := yaml.Unmarshal(document, &kind); err != nil {
		return "", err
	}
	name := strings.Trim(kind.Kind+" "+kind.Namespace+"/"+kind.ObjectMeta.Name, "/")
	if _, known := world.objects[name]; known {
		return name, errors.New("there are two of that name")
	}
	switch kind.Kind {
	case "CiliumNetworkPolicy":
		var object v2.CiliumNetworkPolicy
		if err := decode(document, &object, kind.TypeMeta, v2.SchemeGroupVersion.String()); err != nil {
			return name, err
		}
		if object.Namespace == "" {
			return name, errors.New("no namespace")
		}
		rules, err := world.version.Namespaced(&object, world.cluster)
		if err != nil {
			return name, err
		}
		world.add(name, rules)
	case "CiliumClusterwideNetworkPolicy":
		var object v2.CiliumClusterwideNetworkPolicy
		if err := decode(document, &object, kind.TypeMeta, v2.SchemeGroupVersion.String()); err != nil {
			return name, err
		}
		if object.Namespace != "" {
			return name, errors.New("a namespace")
		}
		rules, err := world.version.Clusterwide(&object, world.cluster)
		if err != nil {
			return name, err
		}
		world.add(name, rules)
	case "CiliumCIDRGroup":
		var object group
		if err := decode(document, &object, kind.TypeMeta, world.version.Group()); err != nil {
			return name, err
		}
		return name, world.addGroup(&object)
	default:
		return name, fmt.Errorf("the kind %s", kind.Kind)
	}
	return name, nil
}

// decode is strict: unknown and doubled fields are errors.
func decode(document []byte, into any, is metav1.TypeMeta, of string) error {
	if is.APIVersion != of {
		return fmt.Errorf("%s, which is served as %s", is.APIVersion, of)
	}
	return yaml.UnmarshalStrict(document, into, yaml.DisallowUnknownFields)
}

// add keeps the rules of an object.
func (world *world) add(name string, rules api.Rules) {
	world.objects[name] = rules
	for _, prefix := range world.version.Prefixes(rules) {
		world.mention(netip.MustParsePrefix(prefix), func(prefix netip.Prefix) labels.Labels {
			return labels.GetCIDRLabels(prefix)
		})
	}
	for _, rule := range rules {
		for _, egress := range rule.Egress {
			world.names = append(world.names, egress.ToFQDNs...)
		}
	}
}

// addGroup labels the CIDRs of a group, as the agent does.
func (world *world) addGroup(object *group) error {
	own := world.version.GroupLabels(utils.RemoveCiliumLabels(object.Labels))
	name := api.LabelForCIDRGroupRef(object.Name)
	own[name.Key] = name
	for _, text := range object.Spec.ExternalCIDRs {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return err
		}
		world.mention(prefix, func(netip.Prefix) labels.Labels { return own })
	}
	return nil
}
