package engine

import (
	"bufio"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/k8s/utils"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/labelsfilter"
	"github.com/cilium/cilium/pkg/policy/api"
	"github.com/cilium/cilium/pkg/policy/types"
)

// world is a cluster: its policies, and the identities of whatever takes part in a flow.
//
// A pod's labels are made and filtered by Cilium. The labels of an address follow the rules of the agent's cache of addresses: those of every
// CIDR that contains it and that some policy, group or fact mentions, the longest first, with at most one label for a CIDR itself; then
// `world`, unless it is a node.
type world struct {
	version  Version
	settings Settings
	cluster  string
	// By kind, namespace and name.
	objects map[string]api.Rules
	// What is mentioned, with its labels.
	prefixes map[netip.Prefix]labels.Labels
	// All selectors of names.
	names []api.FQDNSelector
	// By labels.
	identities map[string]*identity.Identity
	// How many identities of each scope there are.
	numbers map[identity.NumericIdentity]identity.NumericIdentity
	// The named ports of the pods of an identity, without repetition.
	ports map[identity.NumericIdentity][]map[string]NamedPort
}

// namespace is what Cilium asks of one.
type namespace struct {
	name   string
	labels map[string]string
}

func (one namespace) GetName() string              { return one.name }
func (one namespace) GetLabels() map[string]string { return one.labels }

func newReader(text string) *bufio.Reader {
	return bufio.NewReader(strings.NewReader(text))
}

func newWorld(version Version, settings Settings, cluster string) *world {
	return &world{
		version:    version,
		settings:   settings,
		cluster:    cluster,
		objects:    map[string]api.Rules{},
		prefixes:   map[netip.Prefix]labels.Labels{},
		identities: map[string]*identity.Identity{},
		numbers:    map[identity.NumericIdentity]identity.NumericIdentity{},
		ports:      map[identity.NumericIdentity][]map[string]NamedPort{},
	}
}

// mention adds labels to a CIDR; what it already has stays.
func (world *world) mention(prefix netip.Prefix, of func(netip.Prefix) labels.Labels) {
	prefix = prefix.Masked()
	known := world.prefixes[prefix]
	if known == nil {
		known = labels.Labels{}
		world.prefixes[prefix] = known
	}
	for key, label := range of(prefix) {
		if _, has := known[key]; !has {
			known[key] = label
		}
	}
}

// inherit adds the labels of every CIDR that contains an address, the longest first.
func (world *world) inherit(address netip.Addr, own labels.Labels) {
	blocks := own.HasSource(labels.LabelSourceCIDR)
	for bits := address.BitLen(); bits >= 0; bits-- {
		prefix, err := address.Prefix(bits)
		if err != nil {
			return
		}
		for key, label := range world.prefixes[prefix] {
			isBlock := label.Source == labels.LabelSourceCIDR
			if _, has := own[key]; has || isBlock && blocks {
				continue
			}
			own[key] = label
			blocks = blocks || isBlock
		}
	}
}

// reserved is a label that Cilium keeps for itself.
func reserved(name string) labels.Label {
	return labels.NewLabel(name, "", labels.LabelSourceReserved)
}

func (world *world) isAPIServer(address netip.Addr) bool {
	return slices.ContainsFunc(world.settings.APIServer, func(prefix netip.Prefix) bool { return prefix.Contains(address) })
}

// end is the identity of an end. `learned` are the names of its address that the other end's proxy has seen.
func (world *world) end(end End, learned []string) *identity.Identity {
	switch {
	case end.Pod != nil:
		return world.pod(end.Pod)
	case end.Node != nil:
		return world.node(end.Node)
	case end.Reserved != "":
		own := labels.Labels{end.Reserved: reserved(end.Reserved)}
		return world.identity(own, identity.IdentityScopeLocal)
	default:
		return world.outside(*end.Address, learned)
	}
}

func (world *world) pod(pod *Pod) *identity.Identity {
	of := maps.Clone(pod.NamespaceLabels)
	if of == nil {
		of = map[string]string{}
	}
	of["kubernetes.io/metadata.name"] = pod.Namespace
	account := pod.ServiceAccount
	if account == "" {
		account = "default"
	}
	text := utils.SanitizePodLabels(pod.Labels, namespace{pod.Namespace, of}, account, world.cluster)
	own, _ := labelsfilter.Filter(labels.Map2Labels(text, labels.LabelSourceK8s))
	one := world.identity(own, identity.IdentityScopeGlobal)
	same := func(known map[string]NamedPort) bool { return maps.Equal(known, pod.NamedPorts) }
	if !slices.ContainsFunc(world.ports[one.ID], same) {
		world.ports[one.ID] = append(world.ports[one.ID], pod.NamedPorts)
	}
	return one
}

var protocols = map[string]uint8{"TCP": 6, "UDP": 17, "SCTP": 132}

func (world *world) node(node *Node) *identity.Identity {
	is := "remote-node"
	if node.Own {
		is = labels.IDNameHost
	}
	own := labels.Labels{is: reserved(is)}
	if world.isAPIServer(node.Address) {
		own[labels.IDNameKubeAPIServer] = reserved(labels.IDNameKubeAPIServer)
	}
	if world.settings.NodeLabels && !node.Own {
		of, _ := labelsfilter.FilterNodeLabels(labels.Map2Labels(node.Labels, labels.LabelSourceNode))
		maps.Copy(own, of)
		key := "io.cilium.k8s.policy.cluster"
		own[key] = labels.NewLabel(key, world.cluster, labels.LabelSourceK8s)
	}
	return world.identity(own, identity.IdentityScopeRemoteNode)
}

func (world *world) outside(address netip.Addr, learned []string) *identity.Identity {
	own := labels.Labels{}
	for _, selector := range world.names {
		matcher, err := selector.ToRegex()
		if err != nil {
			continue
		}
		for _, name := range learned {
			if matcher.MatchString(name + ".") {
				label := selector.IdentityLabel()
				own[label.Key] = label
			}
		}
	}
	if world.isAPIServer(address) {
		own[labels.IDNameKubeAPIServer] = reserved(labels.IDNameKubeAPIServer)
	}
	world.inherit(address, own)
	own.AddWorldLabel(address)
	return world.identity(own, identity.IdentityScopeLocal)
}

// identity is the one of these labels: the same labels, the same number.
func (world *world) identity(own labels.Labels, scope identity.NumericIdentity) *identity.Identity {
	key := string(own.SortedList())
	if known := world.identities[key]; known != nil {
		return known
	}
	one := identity.LookupReservedIdentityByLabels(own)
	if one == nil {
		world.numbers[scope]++
		// Cilium keeps the numbers up to 255 for itself.
		one = identity.NewIdentity(scope|(255+world.numbers[scope]), own)
	}
	world.identities[key] = one
	return one
}

// decide answers flows.
func (world *world) decide(flows []*Flow, answers []*Verdict) error {
	learned := world.learned(flows, answers)
	type ends struct{ from, to *identity.Identity }
	of := make([]ends, len(flows))
	for at, flow := range flows {
		if answers[at].Error == "" {
			of[at] = ends{world.end(flow.From, learned[at]), world.end(flow.To, learned[at])}
		}
	}
	policies := newPolicies(world)
	for at, flow := range flows {
		answer := answers[at]
		if answer.Error != "" {
			continue
		}
		protocol, number, err := flow.traffic()
		if err != nil {
			return err
		}
		if number == 0 {
			// Nothing mentions it, so that it stands for every number that nothing mentions: ICMP's type 0, which no rule can
			// name by itself, and protocols without ports.
			number = 0xfffe
		}
		sides := [2]string{"none", "none"}
		for side, pod := range []*Pod{flow.From.Pod, flow.To.Pod} {
			if pod == nil {
				continue
			}
			subject, peer := of[at].from, of[at].to
			if side == 1 {
				subject, peer = peer, subject
			}
			passes, err := policies.ask(subject, pod, func(endpoint Endpoint) bool {
				allowed, how := endpoint.Allows(side == 1, peer.ID, protocol, number)
				authentic := how == types.AuthTypeDisabled || how == types.AuthTypeSpire && world.settings.Authenticated
				return allowed && authentic
			})
			switch {
			case err != nil:
				sides[side], answer.Broken = "broken", err.Error()
				answer.Panicked = answer.Panicked || errors.As(err, new(panicked))
			case passes:
				sides[side] = "allow"
			default:
				sides[side] = "deny"
			}
		}
		answer.Egress, answer.Ingress = &Side{sides[0]}, &Side{sides[1]}
		answer.Shared = len(world.ports[of[at].to.ID]) > 1
		switch {
		case slices.Contains(sides[:], "deny"):
			answer.Verdict = "deny"
		case answer.Broken == "":
			answer.Verdict = "allow"
		}
	}
	return nil
}

// learned tells, for each flow, which names of the other end's address the pod's proxy has let through, and so learned.
func (world *world) learned(flows []*Flow, answers []*Verdict) [][]string {
	learned := make([][]string, len(flows))
	asks := func(at int) bool {
		flow := flows[at]
		return answers[at].Error == "" && flow.From.Pod != nil && len(flow.To.Names) > 0
	}
	for at, flow := range flows {
		if asks(at) {
			world.end(flow.From, nil)
		}
	}
	policies := newPolicies(world)
	for at, flow := range flows {
		if !asks(at) {
			continue
		}
		for _, name := range flow.To.Names {
			name = strings.ToLower(strings.TrimSuffix(name, "."))
			lets := func(rule api.PortRuleDNS) bool {
				selector := api.FQDNSelector(rule)
				matcher, err := selector.ToRegex()
				return err == nil && matcher.MatchString(name+".")
			}
			// A pod without a policy learns nothing.
			through, err := policies.ask(world.end(flow.From, nil), flow.From.Pod, func(endpoint Endpoint) bool {
				return slices.ContainsFunc(endpoint.Names(), lets)
			})
			if err == nil && through {
				learned[at] = append(learned[at], name)
			}
		}
	}
	return learned
}

func (world *world) repository() (Repository, error) {
	all := slices.SortedFunc(maps.Values(world.identities), func(one, other *identity.Identity) int {
		return int(one.ID) - int(other.ID)
	})
	return world.version.Repository(world.objects, all, func(of identity.NumericIdentity) []map[string]NamedPort {
		return world.ports[of]
	})
}
