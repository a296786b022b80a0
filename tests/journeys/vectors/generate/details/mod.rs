//! Vectors for what a second implementation gets wrong first: the edges of each rule, from both
//! sides. Each pins a sentence of the page beside the file.

mod requests;
mod tokens;

use throughline_testing::vectors::Vector;

use super::Case;

pub(super) fn details(vectors: &mut Vec<Vector>) {
    requests::add(vectors);
    tokens::add(vectors);
}

type Change<'c> = &'c dyn Fn(&mut Case);

fn changed(change: Change<'_>) -> Case {
    let mut case = Case::good();
    change(&mut case);
    case
}
