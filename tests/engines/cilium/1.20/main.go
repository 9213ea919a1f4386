// What is particular to Cilium 1.20 in putting flows to its policy engine.
package main

import (
	"io"
	"iter"
	"log/slog"
	"strings"

	"github.com/cilium/cilium/pkg/endpoint/regeneration"
	"github.com/cilium/cilium/pkg/identity"
	ipcache "github.com/cilium/cilium/pkg/ipcache/types"
	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/labelsfilter"
	"github.com/cilium/cilium/pkg/logging"
	"github.com/cilium/cilium/pkg/option"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/api"
	"github.com/cilium/cilium/pkg/policy/types"
	"github.com/cilium/cilium/pkg/policy/utils"
	pkgtypes "github.com/cilium/cilium/pkg/types"
	"github.com/cilium/cilium/pkg/u8proto"
	cilium "github.com/cilium/proxy/go/cilium/api"
	"vauban/engines/cilium/engine"
)

func main() {
	engine.Run(version{slog.New(slog.NewTextHandler(io.Discard, nil))})
}

type version struct{ log *slog.Logger }

func (version version) Start() error {
	// Standard error is for what is wrong with the engine; what is wrong with a policy is an answer.
	logging.SetLogLevel(slog.LevelError + 1)
	return labelsfilter.ParseLabelPrefixCfg(version.log, nil, nil, "")
}

func (version) Configure(settings engine.Settings) {
	option.Config.EnableExtendedIPProtocols = settings.Extended
	// What `auto` comes to in Kubernetes.
	option.Config.UnsafeDaemonConfigOption.AllowLocalhost = option.AllowLocalhostAlways
}

func (version) Entities(cluster string) { api.InitEntities(cluster) }

// Namespaced lets peers match pods of the local cluster of a mesh, which is what this version does unless told otherwise.
func (version version) Namespaced(object *v2.CiliumNetworkPolicy, cluster string) (api.Rules, error) {
	return object.Parse(version.log, cluster)
}

func (version version) Clusterwide(object *v2.CiliumClusterwideNetworkPolicy, cluster string) (api.Rules, error) {
	return object.Parse(version.log, cluster)
}

func (version) Group() string { return v2.SchemeGroupVersion.String() }

// GroupLabels has each label twice: selectors ask for a key by the one, for a value by the other, which is one of several where groups meet.
func (version) GroupLabels(of map[string]string) labels.Labels {
	own := labels.Labels{}
	for key, value := range of {
		plain := labels.NewLabel(key, value, labels.LabelSourceCIDRGroup)
		encoded := labels.EncodedCIDRGroupLabel(plain.Key, plain.Value, plain.Source)
		own[plain.Key], own[encoded.Key] = plain, encoded
	}
	return own
}

func (version) Prefixes(rules api.Rules) []string {
	var texts []string
	for _, prefix := range policy.GetCIDRPrefixes(utils.RulesToPolicyEntries(rules)) {
		texts = append(texts, prefix.String())
	}
	return texts
}

func (version version) Repository(objects map[string]api.Rules, identities []*identity.Identity, ports engine.Ports) (engine.Repository, error) {
	known := identity.IdentityMap{}
	for _, one := range identities {
		known[one.ID] = one.LabelArray
	}
	repo := policy.NewPolicyRepository(version.log, known, nil, translator{}, nil, metrics{})
	repo.GetSelectorCache().SetLocalIdentityNotifier(notifier{})
	// Before there are rules, so that nobody has to be told, which would leave a goroutine behind.
	repo.UpdateIdentities(known, nil)
	for name, rules := range objects {
		repo.ReplaceByResource(utils.RulesToPolicyEntries(rules), resource(rules, name))
	}
	repo.SetNamedPortsGetter(table{namedPorts(identities, ports)})
	return repository{version.log, repo}, nil
}

// table has the named ports of all pods, by identity.
type table struct{ ports pkgtypes.NamedPortMultiMap }

func (table table) GetNamedPorts() pkgtypes.NamedPortMultiMap { return table.ports }

// namedPorts fills the table that egress asks. Where pods of one identity differ in the number of a name, it has both, and the agent then uses none.
func namedPorts(identities []*identity.Identity, ports engine.Ports) pkgtypes.NamedPortMultiMap {
	all := pkgtypes.NewNamedPortMultiMap()
	for _, one := range identities {
		for _, pod := range ports(one.ID) {
			own := pkgtypes.NamedPortMap{}
			for name, at := range pod {
				own[name] = pkgtypes.PortProto{Port: at.Port, Proto: u8proto.ProtoIDs[strings.ToLower(at.Protocol)]}
			}
			all.Update(one.ID, nil, own)
		}
	}
	return all
}

// resource names an object so that the repository sees its namespace.
func resource(rules api.Rules, name string) ipcache.ResourceID {
	for _, rule := range rules {
		if namespace := rule.Labels.Get("k8s.io.cilium.k8s.policy.namespace"); namespace != "" {
			return ipcache.NewResourceID(ipcache.ResourceKindCNP, namespace, name)
		}
	}
	return ipcache.NewResourceID(ipcache.ResourceKindCCNP, "", name)
}

type repository struct {
	log  *slog.Logger
	repo *policy.Repository
}

func (repository repository) Endpoint(of *identity.Identity, port func(string, uint8) uint16) (engine.Endpoint, error) {
	resolved, _, err := repository.repo.ComputeSelectorPolicy(of)
	if err != nil {
		return nil, err
	}
	pod := owner{id: uint64(of.ID), port: port}
	redirects := map[string]uint16{}
	found := endpoint{}
	for filter, one := range resolved.RedirectFilters() {
		for port := range redirected(resolved, filter, pod) {
			id := policy.ProxyID(uint16(pod.id), filter.Ingress, string(filter.Protocol), port, one.Policy.GetListener())
			redirects[id] = 10000
		}
		if one.Policy.L7Parser == policy.ParserTypeDNS {
			found.names = append(found.names, one.Policy.DNS...)
		}
	}
	found.policy = resolved.DistillPolicy(repository.log, pod, redirects)
	if err := found.policy.Ready(); err != nil {
		return nil, err
	}
	return found, nil
}

// redirected are the numbers of the ports that a filter leads to a proxy, as the agent finds them (`proxyIDs` of pkg/endpoint): for a named port that
// of the pod itself at ingress, those of all peers at egress.
func redirected(of policy.SelectorPolicy, filter *policy.L4Filter, pod owner) iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		switch {
		case filter.Port != 0 || filter.PortName == "":
			yield(filter.Port)
		case filter.Ingress:
			if port := pod.GetIngressNamedPort(filter.PortName, filter.U8Proto); port != 0 {
				yield(port)
			}
		default:
			peers := filter.Identities(of.GetSelectorSnapshot())
			for _, port := range of.GetEgressNamedPorts(filter.PortName, filter.U8Proto, peers) {
				if !yield(port) {
					return
				}
			}
		}
	}
}

type endpoint struct {
	policy *policy.EndpointPolicy
	names  []api.PortRuleDNS
}

func (endpoint endpoint) Allows(ingress bool, peer identity.NumericIdentity, protocol uint8, port uint16) (bool, policy.AuthType) {
	key := policy.EgressKey()
	if ingress {
		key = policy.IngressKey()
	}
	entry, _, _ := endpoint.policy.Lookup(key.WithIdentity(peer).WithPortProto(u8proto.U8proto(protocol), port))
	return !entry.IsDeny(), entry.AuthRequirement.AuthType()
}

func (endpoint endpoint) Names() []api.PortRuleDNS { return endpoint.names }

// owner is the pod that a policy is computed for.
type owner struct {
	id   uint64
	port func(string, uint8) uint16
}

func (owner owner) GetID() uint64 { return owner.id }

func (owner owner) GetIngressNamedPort(name string, protocol u8proto.U8proto) uint16 {
	return owner.port(name, uint8(protocol))
}

func (owner) PolicyDebug(string, ...any) {}
func (owner) IsHost() bool               { return false }
func (owner) PreviousMapStateSizes() policy.MapStateSizes {
	return policy.MapStateSizes{}
}
func (owner) RegenerateIfAlive(*regeneration.ExternalRegenerationMetadata) <-chan bool {
	done := make(chan bool)
	close(done)
	return done
}

type metrics struct{}

func (metrics) AddRule(types.PolicyEntry) {}
func (metrics) DelRule(types.PolicyEntry) {}

// translator leaves out what Envoy is told.
type translator struct{}

func (translator) GetEnvoyHTTPRules(*api.L7Rules, string) (*cilium.HttpNetworkPolicyRules, bool) {
	return nil, true
}

type notifier struct{}

func (notifier) RegisterFQDNSelector(api.FQDNSelector) uint64   { return 0 }
func (notifier) UnregisterFQDNSelector(api.FQDNSelector) uint64 { return 0 }
