package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
)

// Settings say how the agents of a cluster are run, and what is known of its addresses.
type Settings struct {
	// IPv4 and IPv6 are the families of the cluster; with both, Cilium tells the world of one from that of the other.
	IPv4 bool `json:"ipv4"`
	IPv6 bool `json:"ipv6"`
	// NodeLabels is the agents' `enable-node-selector-labels`.
	NodeLabels bool `json:"nodeLabels"`
	// Extended is the agents' `enable-extended-ip-protocols`, from 1.19 on.
	Extended bool `json:"extended"`
	// APIServer are the addresses of the API server, be they nodes or outside.
	APIServer []netip.Prefix `json:"apiserver"`
	// Cluster is the name of the cluster; `default` if it is empty.
	Cluster string `json:"cluster"`
	// Authenticated says whether pods authenticate where a policy requires it.
	Authenticated bool `json:"authenticated"`
}

// Job begins a run: manifests and settings, to which the flows on the lines that follow are put, up to an empty line.
type Job struct {
	Settings Settings `json:"settings"`
	// Folders are read with all that is below them, files ending in `.yaml` only.
	Folders []string `json:"folders"`
	// Texts are manifests themselves, of one or more documents.
	Texts []string `json:"texts"`
}

// Pod is one end of a flow. Its address means nothing here: Cilium goes by identity.
type Pod struct {
	Namespace            string               `json:"namespace"`
	NamespaceLabels      map[string]string    `json:"namespaceLabels"`
	Labels               map[string]string    `json:"labels"`
	ServiceAccount       string               `json:"serviceAccount"`
	ServiceAccountLabels map[string]string    `json:"serviceAccountLabels"`
	NamedPorts           map[string]NamedPort `json:"namedPorts"`
	Address              string               `json:"address"`
}

// NamedPort is what a pod calls a port of its own.
type NamedPort struct {
	Protocol string `json:"protocol"`
	Port     uint16 `json:"port"`
}

// Node is one end of a flow. Own says that it is the node on which the pod at the other end runs.
type Node struct {
	Address netip.Addr        `json:"address"`
	Labels  map[string]string `json:"labels"`
	Own     bool              `json:"own"`
}

// End is exactly one of a pod, a node, an address that is neither, and an identity that Cilium keeps for itself (`ingress`).
type End struct {
	Pod      *Pod        `json:"pod"`
	Node     *Node       `json:"node"`
	Address  *netip.Addr `json:"address"`
	Names    []string    `json:"names"`
	Reserved string      `json:"reserved"`
}

// Flow is a question.
type Flow struct {
	ID       string          `json:"id"`
	From     End             `json:"from"`
	To       End             `json:"to"`
	Protocol json.RawMessage `json:"protocol"`
	Port     uint16          `json:"port"`
	ICMPType *uint8          `json:"icmpType"`
	ICMPCode *uint8          `json:"icmpCode"`
}

// Refusal is an object that is not taken, and why.
type Refusal struct {
	Object string `json:"object"`
	Why    string `json:"why"`
}

// Taken is what came of the manifests of a job.
type Taken struct {
	Accepted int       `json:"accepted"`
	Refused  []Refusal `json:"refused"`
}

// Side is what one end does with a flow: `allow`, `deny`, `none` if it is no pod, or `broken` if there is no verdict.
type Side struct {
	Verdict string `json:"verdict"`
}

// Verdict is an answer. Shared says that pods with the identity of the pod at the destination name their ports in several ways.
type Verdict struct {
	ID      string `json:"id"`
	Verdict string `json:"verdict,omitempty"`
	Egress  *Side  `json:"egress,omitempty"`
	Ingress *Side  `json:"ingress,omitempty"`
	Shared  bool   `json:"shared,omitempty"`
	// Why there is no verdict of the pod at one of the ends: Cilium computes no policy for it, or panicked.
	Broken string `json:"broken,omitempty"`
	// Panicked says that it panicked, so that nothing is known of what an agent does.
	Panicked bool   `json:"panicked,omitempty"`
	Error    string `json:"error,omitempty"`
}

// strict decodes JSON; an unknown field is an error.
func strict(line []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func (end End) check() error {
	kinds := 0
	for _, is := range []bool{end.Pod != nil, end.Node != nil, end.Address != nil, end.Reserved != ""} {
		if is {
			kinds++
		}
	}
	if kinds != 1 {
		return fmt.Errorf("an end is exactly one of pod, node, address and reserved, not %d of them", kinds)
	}
	return nil
}

// traffic is the IP protocol of a flow, and the number that Cilium keeps in the place of a port.
func (flow Flow) traffic() (uint8, uint16, error) {
	var name string
	var number uint8
	if json.Unmarshal(flow.Protocol, &number) == nil {
		return number, 0, nil
	}
	if err := json.Unmarshal(flow.Protocol, &name); err != nil {
		return 0, 0, errors.New("no such protocol")
	}
	ports := map[string]uint8{"TCP": 6, "UDP": 17, "SCTP": 132}
	messages := map[string]uint8{"ICMP": 1, "ICMPv6": 58}
	if number, found := ports[name]; found {
		if flow.Port == 0 {
			return 0, 0, errors.New("a flow of this protocol has a port")
		}
		return number, flow.Port, nil
	}
	if number, found := messages[name]; found {
		if flow.ICMPType == nil {
			return 0, 0, errors.New("a flow of this protocol has a type")
		}
		return number, uint16(*flow.ICMPType), nil
	}
	return 0, 0, fmt.Errorf("no such protocol: %s", name)
}
