//! The examples in docs/vectors, which the first verifier made.

use std::fs;
use std::path::Path;

use zklemma_verifier::channel::{Channel, Reader};
use zklemma_verifier::circuit::{Axis, Size};
use zklemma_verifier::commitment::{
    evaluate, leaf_digest, node_digest, open_columns, points, Digest,
};
use zklemma_verifier::decode::decode;
use zklemma_verifier::disclosure::Shown;
use zklemma_verifier::field::{domain_point, eq_table, root_of_unity, Ext, F};
use zklemma_verifier::function::{fits, read_signature, FunctionStatement};
use zklemma_verifier::hash::Blake2b;
use zklemma_verifier::layout::bits_of;
use zklemma_verifier::msgpack::read_canonical;
use zklemma_verifier::sumcheck::{clear_round, eq_at};
use zklemma_verifier::transcript::{check_work, Transcript};
use zklemma_verifier::weights::{eq, Expander};

use json::Json;

mod json;

fn vectors(name: &str) -> Json {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/vectors");
    let text = fs::read_to_string(folder.join(name)).expect("a file of vectors");
    Json::parse(&text)
}

fn bytes(value: &Json) -> Vec<u8> {
    let digits: Vec<u32> = value
        .text()
        .chars()
        .map(|c| c.to_digit(16).unwrap())
        .collect();
    digits
        .chunks(2)
        .map(|pair| (pair[0] << 4 | pair[1]) as u8)
        .collect()
}

fn base(value: &Json) -> F {
    zklemma_verifier::channel::element(&bytes(value)).unwrap()
}

fn element(value: &Json) -> Ext {
    let pair = bytes(value);
    let half = |part: &[u8]| zklemma_verifier::channel::element(part).unwrap();
    Ext::new(half(&pair[..8]), half(&pair[8..]))
}

fn elements(value: &Json) -> Vec<Ext> {
    value.items().iter().map(element).collect()
}

#[test]
fn field() {
    let found = vectors("field.json");
    for case in found.get("base").items() {
        let (a, b) = (base(case.get("a")), base(case.get("b")));
        assert_eq!(a + b, base(case.get("sum")));
        assert_eq!(a - b, base(case.get("difference")));
        assert_eq!(a * b, base(case.get("product")));
    }
    for case in found.get("inverses").items() {
        assert_eq!(base(case.get("a")).inverse(), base(case.get("inverse")));
    }
    for case in found.get("extension").items() {
        let (a, b) = (element(case.get("a")), element(case.get("b")));
        assert_eq!(a + b, element(case.get("sum")));
        assert_eq!(a - b, element(case.get("difference")));
        assert_eq!(a * b, element(case.get("product")));
    }
    for case in found.get("roots").items() {
        let bits = case.get("bits").number() as u32;
        assert_eq!(root_of_unity(bits), base(case.get("root")));
    }
    for case in found.get("points").items() {
        let (position, bits) = (case.get("position").number(), case.get("bits").number());
        assert_eq!(domain_point(position, bits as u32), base(case.get("point")));
    }
    let eq = found.get("eq");
    assert_eq!(
        eq_table(&elements(eq.get("point"))),
        elements(eq.get("table"))
    );
}

#[test]
fn hash() {
    let found = vectors("hash.json");
    for case in found.get("blake2b").items() {
        let length = case.get("length").number() as usize;
        let (key, person) = (bytes(case.get("key")), case.get("person").text().as_bytes());
        let message = bytes(case.get("message"));
        for cut in [0, message.len() / 2, message.len()] {
            let mut hash = Blake2b::new(length, &key, person);
            hash.update(&message[..cut]);
            hash.update(&message[cut..]);
            assert_eq!(hash.digest()[..length], bytes(case.get("digest"))[..]);
        }
    }
    let (leaf, node) = (found.get("leaf"), found.get("node"));
    assert_eq!(
        leaf_digest(&bytes(leaf.get("words")))[..],
        bytes(leaf.get("digest"))[..]
    );
    let child = |name: &str| -> Digest { bytes(node.get(name)).try_into().unwrap() };
    assert_eq!(
        node_digest(&child("left"), &child("right")),
        child("digest")
    );
}

#[test]
fn transcript() {
    let found = vectors("transcript.json");
    let mut transcript = Transcript::new("vectors");
    for step in found.get("steps").items() {
        if let Some(label) = step.find("absorb") {
            transcript.absorb(label.text(), &bytes(step.get("data")));
        } else if let Some(wanted) = step.find("challenges") {
            let count = wanted.items().len();
            assert_eq!(transcript.challenges(count), elements(wanted));
        } else if let Some(wanted) = step.find("positions") {
            let (count, bits) = (step.get("count").number(), step.get("bits").number());
            let wanted: Vec<u64> = wanted.items().iter().map(Json::number).collect();
            assert_eq!(transcript.positions(count as usize, bits as u32), wanted);
        } else if let Some(wanted) = step.find("seed") {
            assert_eq!(transcript.seed()[..], bytes(wanted)[..]);
        }
        assert_eq!(transcript.state()[..], bytes(step.get("state"))[..]);
    }
    let work = found.get("work");
    let seed: [u8; 32] = bytes(work.get("seed")).try_into().unwrap();
    let nonce: [u8; 8] = bytes(work.get("nonce")).try_into().unwrap();
    let bits = work.get("bits").number() as u32;
    assert!(check_work(&seed, &nonce, bits));
    assert!((0..u64::from_le_bytes(nonce)).all(|n| !check_work(&seed, &n.to_le_bytes(), bits)));
}

#[test]
fn code() {
    let found = vectors("code.json");
    let (message, bits) = (
        elements(found.get("message")),
        found.get("log_code").number() as u32,
    );
    let positions: Vec<u64> = (0..1 << bits).collect();
    let values = points(&positions, bits).into_iter();
    let codeword: Vec<Ext> = values.map(|x| evaluate(&message, x)).collect();
    assert_eq!(codeword, elements(found.get("codeword")));

    let tree = found.get("tree");
    let positions: Vec<u64> = tree
        .get("positions")
        .items()
        .iter()
        .map(Json::number)
        .collect();
    let root: Digest = bytes(tree.get("root")).try_into().unwrap();
    let opening = bytes(tree.get("opening"));
    let open = |opening: &[u8]| {
        let mut channel = Channel::new(Transcript::new("vectors"), Reader::new(opening), false);
        let (depth, rows) = (tree.get("depth").number(), tree.get("rows").number());
        open_columns(&mut channel, &root, &positions, depth as u32, rows as usize)
    };
    let words = open(&opening).unwrap();
    for (&position, column) in positions.iter().zip(words.chunks(2)) {
        let own = bytes(&tree.get("columns").items()[position as usize]);
        let own = own
            .chunks(8)
            .map(|word| zklemma_verifier::channel::element(word).unwrap());
        assert!(own.take(2).eq(column.iter().copied()));
    }
    for at in 0..opening.len() {
        let mut damaged = opening.clone();
        damaged[at] ^= 1;
        assert!(open(&damaged).is_err());
    }
}

#[test]
fn sumcheck() {
    let found = vectors("sumcheck.json");
    for case in found.get("rounds").items() {
        let values = case.get("values").items().iter().flat_map(bytes);
        let proof: Vec<u8> = values.collect();
        let mut channel = Channel::new(Transcript::new("vectors"), Reader::new(&proof), false);
        let (claim, degree) = (
            element(case.get("claim")),
            case.get("degree").number() as usize,
        );
        let (left, challenge) = clear_round(&mut channel, "round", claim, degree).unwrap();
        assert_eq!(challenge, element(case.get("challenge")));
        assert_eq!(left, element(case.get("left")));
    }
    let eq = found.get("eq");
    let value = eq_at(&elements(eq.get("x")), &elements(eq.get("y")));
    assert_eq!(value, element(eq.get("eq")));
}

#[test]
fn function() {
    let found = vectors("function.json");
    let circuit = decode(&bytes(found.get("circuit"))).unwrap();
    let signature = bytes(found.get("signature"));
    let signature = read_signature(&read_canonical(&signature, 1 << 10).unwrap()).unwrap();
    assert!(fits(&signature, &circuit));

    let proof = bytes(found.get("proof"));
    let (statement, end) = FunctionStatement::read(&proof, &circuit).unwrap();
    assert_eq!(
        (end, statement.batch, statement.hiding),
        (proof.len(), 2, true)
    );
    let told = found.get("tensors").items().iter();
    assert_eq!(statement.tensors.len(), told.len());
    for ((said, tensor), (what, _)) in statement.tensors.iter().zip(told).zip(&circuit.reveals) {
        assert_eq!(tensor.get("what").text(), what);
        let wanted = tensor.get("said");
        match said {
            Shown::Cells(cells) => {
                let cells = cells.iter().map(|&cell| F::from(i128::from(cell)));
                assert!(cells.eq(wanted.items().iter().map(base)));
            }
            Shown::Digest(digest) => assert_eq!(digest[..], bytes(wanted)[..]),
            Shown::Nothing => assert_eq!(wanted.text(), ""),
        }
    }
    for at in 4..proof.len() {
        let mut damaged = proof.clone();
        damaged[at] ^= 0x80;
        let read = FunctionStatement::read(&damaged, &circuit);
        assert!(read.map_or(true, |(other, _)| other.encoded != statement.encoded));
    }

    let size = |axis: &Axis| match axis.size {
        Size::Number(size) => size,
        Size::Extent(_) => statement.batch,
    };
    let sizes: Vec<usize> = circuit.axes.iter().map(size).collect();
    let bits: Vec<u32> = sizes.iter().map(|&size| bits_of(size)).collect();
    let mut expander = Expander::new(&circuit, &sizes, &bits, None);
    let claims = found.get("claims").items();
    for (claim, linear) in claims.iter().zip(&circuit.linears) {
        assert_eq!(claim.get("relation").text(), linear.name);
        let axis = linear.expr.axes[0];
        let point = vec![(axis, eq(&elements(claim.get("point"))))];
        let (_, reads) = expander.expand(&linear.expr, &point).unwrap();
        let wanted = elements(claim.get("weights"));
        let own = reads[0].weights[0].dense(wanted.len()).into_iter();
        let own: Vec<Ext> = own.map(|w| reads[0].coefficient * w).collect();
        assert_eq!((reads.len(), own), (1, wanted));
    }
}
