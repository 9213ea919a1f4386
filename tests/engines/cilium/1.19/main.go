// What is particular to Cilium 1.19 in putting flows to its policy engine.
package main

import (
	"io"
	"log/slog"

	"github.com/cilium/cilium/pkg/endpoint/regeneration"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/identity/identitymanager"
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
	"github.com/cilium/cilium/pkg/spanstat"
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
	option.Config.AllowLocalhost = option.AllowLocalhostAlways
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

func (version version) Repository(objects map[string]api.Rules, identities []*identity.Identity, _ engine.Ports) (engine.Repository, error) {
	known := identity.IdentityMap{}
	for _, one := range identities {
		known[one.ID] = one.LabelArray
	}
	manager := identitymanager.NewIDManager(version.log)
	repo := policy.NewPolicyRepository(version.log, known, nil, translator{}, manager, metrics{})
	repo.GetSelectorCache().SetLocalIdentityNotifier(notifier{})
	// Before there are rules, so that nobody has to be told, which would leave a goroutine behind.
	for _, one := range identities {
		manager.Add(one)
	}
	for name, rules := range objects {
		repo.ReplaceByResource(utils.RulesToPolicyEntries(rules), resource(rules, name))
	}
	return repository{version.log, repo}, nil
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
	resolved, _, err := repository.repo.GetSelectorPolicy(of, 0, statistics{}, uint64(of.ID))
	if err != nil {
		return nil, err
	}
	pod := owner{id: uint64(of.ID), port: port}
	redirects := map[string]uint16{}
	found := endpoint{}
	for filter, one := range resolved.RedirectFilters() {
		port := filter.Port
		if port == 0 && filter.PortName != "" {
			port = pod.GetNamedPort(filter.Ingress, filter.PortName, filter.U8Proto)
		}
		// As the agent does (`proxyID` of pkg/endpoint), a port is told by its number, and has no proxy where the pod has no such port.
		if port != 0 || filter.PortName == "" {
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

// GetNamedPort knows the pod's own. At egress this version asks one table for the whole cluster, which is not here.
func (owner owner) GetNamedPort(ingress bool, name string, protocol u8proto.U8proto) uint16 {
	if ingress {
		return owner.port(name, uint8(protocol))
	}
	return 0
}

func (owner) PolicyDebug(string, ...any)         {}
func (owner) IsHost() bool                       { return false }
func (owner) PreviousMapState() *policy.MapState { return nil }
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

type statistics struct{}

func (statistics) WaitingForPolicyRepository() *spanstat.SpanStat { return &spanstat.SpanStat{} }
func (statistics) SelectorPolicyCalculation() *spanstat.SpanStat  { return &spanstat.SpanStat{} }
