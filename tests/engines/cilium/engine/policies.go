package engine

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cilium/cilium/pkg/identity"
)

// policies are those of the pods of a job, computed as they are asked for, once all identities are known.
type policies struct {
	world *world
	// Made with the first policy.
	repository Repository
	// By identity and named ports.
	known map[string]Endpoint
}

func newPolicies(world *world) *policies {
	return &policies{world: world, known: map[string]Endpoint{}}
}

// panicked is a panic of Cilium's, by its first line.
type panicked string

func (why panicked) Error() string { return string(why) }

// ask puts a question to the policy of a pod. Where Cilium panics, over the policy or the question, that is the error, and a [panicked].
func (policies *policies) ask(of *identity.Identity, pod *Pod, question func(Endpoint) bool) (yes bool, err error) {
	defer func() {
		if why := recover(); why != nil {
			first, _, _ := strings.Cut(fmt.Sprint(why), "\n")
			yes, err = false, panicked(first)
			// Locks may still be held, so that nothing of it can be asked again.
			*policies = *newPolicies(policies.world)
		}
	}()
	endpoint, err := policies.endpoint(of, pod)
	if err != nil {
		return false, err
	}
	return question(endpoint), nil
}

// endpoint is the policy of a pod: pods of one identity differ in their named ports only.
func (policies *policies) endpoint(of *identity.Identity, pod *Pod) (Endpoint, error) {
	ports, err := json.Marshal(pod.NamedPorts)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%d %s", of.ID, ports)
	if endpoint := policies.known[key]; endpoint != nil {
		return endpoint, nil
	}
	if policies.repository == nil {
		policies.repository, err = policies.world.repository()
		if err != nil {
			return nil, err
		}
	}
	endpoint, err := policies.repository.Endpoint(of, func(name string, protocol uint8) uint16 {
		if at, found := pod.NamedPorts[name]; found && protocols[at.Protocol] == protocol {
			return at.Port
		}
		return 0
	})
	if err == nil {
		policies.known[key] = endpoint
	}
	return endpoint, err
}
