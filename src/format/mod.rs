//! Tree and comments to text: the one layout.
