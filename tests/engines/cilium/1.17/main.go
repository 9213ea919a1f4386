// What is particular to Cilium 1.17 in putting flows to its policy engine.
package main

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/cilium/cilium/pkg/fqdn/re"
	"github.com/cilium/cilium/pkg/identity"
	ipcache "github.com/cilium/cilium/pkg/ipcache/types"
	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/labelsfilter"
	"github.com/cilium/cilium/pkg/logging"
	"github.com/cilium/cilium/pkg/option"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/api"
	"github.com/cilium/cilium/pkg/spanstat"
	"github.com/cilium/cilium/pkg/u8proto"
	"github.com/sirupsen/logrus"
	"vauban/engines/cilium/engine"
)

func main() {
	engine.Run(version{})
}

type version struct{}

func (version) Start() error {
	// Standard error is for what is wrong with the engine; what is wrong with a policy is an answer.
	logging.SetLogLevel(logrus.PanicLevel)
	if err := re.InitRegexCompileLRU(1024); err != nil {
		return err
	}
	return labelsfilter.ParseLabelPrefixCfg(nil, nil, "")
}

// Configure does not set extended protocols, which come with 1.19.
func (version) Configure(engine.Settings) {
	// What `auto` comes to in Kubernetes.
	option.Config.AllowLocalhost = option.AllowLocalhostAlways
}

func (version) Entities(cluster string) { api.InitEntities(cluster) }

// Namespaced lets peers match pods of every cluster of a mesh, which is what this version does unless told otherwise.
func (version) Namespaced(object *v2.CiliumNetworkPolicy, _ string) (api.Rules, error) {
	return object.Parse()
}

func (version) Clusterwide(object *v2.CiliumClusterwideNetworkPolicy, _ string) (api.Rules, error) {
	return object.Parse()
}

func (version) Group() string { return v2alpha1.SchemeGroupVersion.String() }

func (version) GroupLabels(of map[string]string) labels.Labels {
	return labels.Map2Labels(of, labels.LabelSourceCIDRGroup)
}

func (version) Prefixes(rules api.Rules) []string {
	var texts []string
	for _, prefix := range policy.GetCIDRPrefixes(rules) {
		texts = append(texts, prefix.String())
	}
	return texts
}

func (version) Repository(objects map[string]api.Rules, identities []*identity.Identity, _ engine.Ports) (engine.Repository, error) {
	known := identity.IdentityMap{}
	for _, one := range identities {
		known[one.ID] = one.LabelArray
	}
	// Nothing translates for Envoy.
	repo := policy.NewPolicyRepository(known, nil, nil, nil, metrics{})
	repo.GetSelectorCache().SetLocalIdentityNotifier(notifier{})
	for name, rules := range objects {
		repo.ReplaceByResource(rules, resource(rules, name))
	}
	return repository{repo}, nil
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

type repository struct{ repo *policy.Repository }

func (repository repository) Endpoint(of *identity.Identity, port func(string, uint8) uint16) (engine.Endpoint, error) {
	resolved, _, err := repository.repo.GetSelectorPolicy(of, 0, statistics{})
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
			id := policy.ProxyID(uint16(pod.id), filter.Ingress, string(filter.Protocol), port, one.GetListener())
			redirects[id] = 10000
		}
		if filter.L7Parser == policy.ParserTypeDNS {
			found.names = append(found.names, one.DNS...)
		}
	}
	distilled := resolved.DistillPolicy(pod, redirects)
	if err := distilled.Ready(); err != nil {
		return nil, err
	}
	found.entries, err = entriesOf(distilled)
	return found, err
}

type endpoint struct {
	entries entries
	names   []api.PortRuleDNS
}

// entries is the map that the kernel is given.
type entries interface {
	// Lookup decides between the entries that cover a key, as the kernel does.
	Lookup(key policy.Key) (policy.MapStateEntry, bool)
}

// entriesOf gives the map of a pod's policy. This version has the lookup that later ones export, and keeps the map that it belongs to in a field
// of its own. Reflection reaches it, so that what decides here is Cilium's code, not a copy of ours. The module is pinned: that the field
// is there, and has the method, is so or not once and for all.
func entriesOf(of *policy.EndpointPolicy) (entries, error) {
	field := reflect.ValueOf(of).Elem().FieldByName("policyMapState")
	if !field.IsValid() {
		return nil, errors.New("a policy has no field policyMapState")
	}
	found, is := reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Interface().(entries)
	if !is {
		return nil, fmt.Errorf("%s has no Lookup", field.Type())
	}
	return found, nil
}

func (endpoint endpoint) Allows(ingress bool, peer identity.NumericIdentity, protocol uint8, port uint16) (bool, policy.AuthType) {
	key := policy.EgressKey()
	if ingress {
		key = policy.IngressKey()
	}
	entry, _ := endpoint.entries.Lookup(key.WithIdentity(peer).WithPortProto(u8proto.U8proto(protocol), port))
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

func (owner) PolicyDebug(logrus.Fields, string) {}
func (owner) IsHost() bool                      { return false }
func (owner) MapStateSize() int                 { return 0 }

type metrics struct{}

func (metrics) AddRule(api.Rule) {}
func (metrics) DelRule(api.Rule) {}

type notifier struct{}

func (notifier) RegisterFQDNSelector(api.FQDNSelector)   {}
func (notifier) UnregisterFQDNSelector(api.FQDNSelector) {}

type statistics struct{}

func (statistics) WaitingForPolicyRepository() *spanstat.SpanStat { return &spanstat.SpanStat{} }
func (statistics) PolicyCalculation() *spanstat.SpanStat          { return &spanstat.SpanStat{} }
