// Package engine puts flows to Cilium's own policy engine, the same for every version of it.
//
// It takes jobs on standard input: a line that names manifests and settings ([Job]), lines with a flow each ([Flow]), and an empty line
// or the end. It gives, on standard output, what Cilium's validators say of the manifests ([Taken]), then a verdict a line ([Verdict]).
// What differs between versions of Cilium comes from the module of the version ([Version]).
//
// It knows nothing of programs: manifests are decoded and checked by Cilium, selectors, ports, entities and precedence are Cilium's. Its own are
// the identities, which a cluster would give: see [world].
package engine

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/cilium/cilium/pkg/identity"
	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/option"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/api"
)

// Version is what differs between versions of Cilium.
type Version interface {
	// Start makes global state ready, once.
	Start() error
	// Configure sets the agents' options that not all versions have, or have in one place.
	Configure(Settings)
	// Entities makes ready what entities mean in a cluster of that name.
	Entities(cluster string)
	// Namespaced and Clusterwide validate a policy and make rules of it, as the agent does.
	Namespaced(object *v2.CiliumNetworkPolicy, cluster string) (api.Rules, error)
	Clusterwide(object *v2.CiliumClusterwideNetworkPolicy, cluster string) (api.Rules, error)
	// Group is the `apiVersion` of CIDR groups.
	Group() string
	// GroupLabels are the labels of the CIDRs of a group that has these, without the one for its name.
	GroupLabels(of map[string]string) labels.Labels
	// Prefixes are the CIDRs for which rules make the agent keep identities, as CIDRs.
	Prefixes(rules api.Rules) []string
	// Repository holds rules, each under the name of its object, for a set of identities. Ports are told by identity.
	Repository(objects map[string]api.Rules, identities []*identity.Identity, ports Ports) (Repository, error)
}

// Ports gives the named ports of the pods of an identity, where they differ once for each way to name them.
type Ports func(of identity.NumericIdentity) []map[string]NamedPort

// Repository is a policy repository.
type Repository interface {
	// Endpoint is the policy of a pod of an identity; `port` gives the number of its own named port, or 0.
	Endpoint(of *identity.Identity, port func(name string, protocol uint8) uint16) (Endpoint, error)
}

// Endpoint is the policy of a pod.
type Endpoint interface {
	// Allows looks a flow up. The port is not 0. It also gives how the two ends have to authenticate.
	Allows(ingress bool, peer identity.NumericIdentity, protocol uint8, port uint16) (bool, policy.AuthType)
	// Names are the DNS rules of the pod's proxy.
	Names() []api.PortRuleDNS
}

// Run answers jobs until the end of the input.
func Run(version Version) {
	if err := run(version, os.Stdin, os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run answers jobs. With folders, there is one job: theirs, and the input is flows only.
func run(version Version, input io.Reader, output io.Writer, folders []string) error {
	if err := version.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(input)
	lines.Buffer(nil, 1<<28)
	out := bufio.NewWriter(output)
	defer out.Flush()
	say := json.NewEncoder(out)
	say.SetEscapeHTML(false)
	for {
		job := Job{Settings: Settings{IPv4: true, IPv6: true}, Folders: folders}
		if len(folders) == 0 {
			if !lines.Scan() {
				return lines.Err()
			}
			if err := strict(lines.Bytes(), &job); err != nil {
				return fmt.Errorf("a job: %w", err)
			}
		}
		flows, answers := read(lines)
		taken, cluster, err := load(version, job)
		if err != nil {
			return err
		}
		if err := say.Encode(taken); err != nil {
			return err
		}
		if err := cluster.decide(flows, answers); err != nil {
			return err
		}
		for _, answer := range answers {
			if err := say.Encode(answer); err != nil {
				return err
			}
		}
		if err := out.Flush(); err != nil {
			return err
		}
		if len(folders) > 0 {
			return lines.Err()
		}
	}
}

// read takes the flows of a job; a line that cannot be read has its answer already.
func read(lines *bufio.Scanner) ([]*Flow, []*Verdict) {
	var flows []*Flow
	var answers []*Verdict
	for lines.Scan() {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			break
		}
		flow, answer := &Flow{}, &Verdict{}
		err := strict(line, flow)
		answer.ID = flow.ID
		for _, end := range []End{flow.From, flow.To} {
			if err == nil {
				err = end.check()
			}
		}
		if err == nil {
			_, _, err = flow.traffic()
		}
		if err != nil {
			answer.Error = err.Error()
		}
		flows = append(flows, flow)
		answers = append(answers, answer)
	}
	return flows, answers
}

// configure sets the agents' options; a job after another may set others.
func configure(version Version, settings Settings) string {
	config := option.Config
	config.EnableIPv4 = settings.IPv4
	config.EnableIPv6 = settings.IPv6
	config.EnableNodeSelectorLabels = settings.NodeLabels
	config.EnableL7Proxy = true
	config.EnableICMPRules = true
	config.EnableNonDefaultDenyPolicies = true
	config.EnableSCTP = true
	policy.SetPolicyEnabled(option.DefaultEnforcement)
	version.Configure(settings)
	cluster := settings.Cluster
	if cluster == "" {
		cluster = "default"
	}
	config.ClusterName = cluster
	version.Entities(cluster)
	return cluster
}
