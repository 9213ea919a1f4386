//! Sets of flows, exact.
//!
//! Bottom up: [`ValueSet`] (label values in an open world), [`Ranges`] (numbers), [`AddressSet`], [`PortSet`], [`Pods`] and
//! [`EndpointSet`] (ends in the words of the source). Each is exact under union, intersection and difference, with emptiness.
//! Knows nothing of files, policies or targets.

mod addresses;
pub mod diagram;
mod endpoints;
mod flow;
mod flow_box;
mod pods;
mod ports;
mod ranges;
mod region;
mod values;

pub use addresses::{AddressSet, NetworkBlock};
pub use endpoints::EndpointSet;
pub use flow::{Direction, End, Flow, Pod, Traffic};
pub use flow_box::{FlowBox, Inexpressible};
pub use pods::{
    METADATA_NAME, Namespaces, Pods, Same, Selector, merge_pods, subtract_pods, union_pods,
};
pub use ports::{PortSet, Transport};
pub use ranges::{Number, Ranges};
pub use region::{Condition, Region};
pub use values::{Value, ValueSet};
