//! The standard library: `.vau` files that every project may name, embedded.

/// The files of `stdlib/`: path and text. `std/dns.vau` is named `std.dns`.
pub fn standard_library() -> &'static [(&'static str, &'static str)] {
    macro_rules! entries {
        ($($file:literal)*) => {
            &[$((
                concat!("std/", $file),
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/stdlib/", $file)),
            )),*]
        };
    }
    entries![
        "apiserver.vau"
        "baselines.vau"
        "dns.vau"
        "ingress.vau"
        "logging.vau"
        "mesh/istio.vau"
        "mesh/linkerd.vau"
        "metadata.vau"
        "monitoring.vau"
        "networks.vau"
        "ports.vau"
        "system.vau"
        "tracing.vau"
        "webhooks.vau"
    ]
}

#[cfg(test)]
mod tests {
    use super::standard_library;

    #[test]
    fn every_file_of_the_folder_is_embedded() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("stdlib");
        let mut folders = vec![root.clone()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("the folder is there") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let relative = path.strip_prefix(&root).expect("it lies inside");
                    found.push(format!("std/{}", relative.display()).replace('\\', "/"));
                }
            }
        }
        found.sort();
        let embedded: Vec<&str> = standard_library().iter().map(|(path, _)| *path).collect();
        assert_eq!(found, embedded);
    }
}
