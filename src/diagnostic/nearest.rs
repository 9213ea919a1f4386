//! "Did you mean": the nearest of the words that would have been right.

/// The candidate that a typo of `word` most likely meant: fewest edits (a swap of neighbors is one), at most a third of the longer
/// word's characters; the alphabetically first among equals. `None` if none is near, or if the word is longer than any name should be.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 100;
    let word: Vec<char> = word.chars().take(LONGEST + 1).collect();
    if word.len() > LONGEST {
        return None;
    }
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let chars: Vec<char> = candidate.chars().take(LONGEST + 1).collect();
            let longer = word.len().max(chars.len());
            if longer > LONGEST || word.len().abs_diff(chars.len()) > longer.div_ceil(3) {
                return None;
            }
            let edits = distance(&word, &chars);
            (edits <= longer.div_ceil(3) && edits < longer).then_some((edits, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// The number of insertions, deletions, replacements and swaps of neighbors between two words (each part edited once).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_of_neighbors_is_one_edit() {
        assert_eq!(nearest("backned", ["frontend", "backend"]), Some("backend"));
    }

    #[test]
    fn a_word_that_shares_nothing_is_not_offered() {
        assert_eq!(nearest("xyz", ["abc", "orders-database"]), None);
        assert_eq!(nearest("", ["a"]), None);
        assert_eq!(nearest("a", ["b"]), None);
    }

    #[test]
    fn among_equals_the_first_by_name_wins() {
        assert_eq!(nearest("web-1", ["web-3", "web-2"]), Some("web-2"));
    }
}
