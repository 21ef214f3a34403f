//! Circuits as plain data: columns over named axes, tables, and the relations between them.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use crate::array::Array;
use crate::layout::Band;

#[derive(Clone, Debug, PartialEq)]
pub enum Size {
    Number(usize),
    /// A size that a proof chooses, by its name.
    Extent(String),
}

#[derive(Clone, Debug)]
pub struct Axis {
    pub name: String,
    pub size: Size,
}

/// How an entry of a column's axis is found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum IndexKind {
    Same,
    Sum,
    Before,
    Rotate,
    Window,
    Token,
    Previous,
    Next,
    Pick,
    Position,
    Generating,
    At,
    Stride,
}

impl IndexKind {
    pub const NAMES: [(&'static str, IndexKind); 13] = [
        ("same", IndexKind::Same),
        ("sum", IndexKind::Sum),
        ("before", IndexKind::Before),
        ("rotate", IndexKind::Rotate),
        ("window", IndexKind::Window),
        ("token", IndexKind::Token),
        ("previous", IndexKind::Previous),
        ("next", IndexKind::Next),
        ("pick", IndexKind::Pick),
        ("position", IndexKind::Position),
        ("generating", IndexKind::Generating),
        ("at", IndexKind::At),
        ("stride", IndexKind::Stride),
    ];

    /// Whether each entry of the expression's axis reads one entry as it is.
    pub fn picks(self) -> bool {
        !matches!(
            self,
            IndexKind::Sum
                | IndexKind::At
                | IndexKind::Before
                | IndexKind::Rotate
                | IndexKind::Stride
        )
    }

    /// Whether what it reads depends on the statement's tokens.
    pub fn of_statement(self) -> bool {
        matches!(
            self,
            IndexKind::Window
                | IndexKind::Token
                | IndexKind::Previous
                | IndexKind::Next
                | IndexKind::Generating
        )
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Index {
    pub kind: IndexKind,
    /// The axis of the expression, `None` for a sum and for one entry.
    pub axis: Option<usize>,
    /// What a pick reads; the entry at which positions begin, or the one that is read; a stride's step and start.
    pub table: Rc<[i128]>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Term {
    pub coefficient: i128,
    pub column: usize,
    pub indices: Vec<Index>,
}

/// An affine form over axes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Expr {
    pub axes: Vec<usize>,
    pub terms: Vec<Term>,
    pub constant: i128,
}

impl Expr {
    /// Whether a term reads each cell of its column once, at the cell of the expression with the same indices.
    pub fn whole(&self, term: &Term) -> bool {
        let same = term
            .indices
            .iter()
            .filter(|index| index.kind == IndexKind::Same);
        let mut read: Vec<usize> = same.filter_map(|index| index.axis).collect();
        let mut own = self.axes.clone();
        read.sort();
        own.sort();
        read == own && read.len() == term.indices.len()
    }

    /// Without the terms that read some columns.
    pub fn without(&self, left_out: impl Fn(usize) -> bool) -> Expr {
        Expr {
            axes: self.axes.clone(),
            terms: self
                .terms
                .iter()
                .filter(|term| !left_out(term.column))
                .cloned()
                .collect(),
            constant: self.constant,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Home {
    Param,
    /// Weights under a second commitment.
    Renewed,
    Witness,
    Public,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PublicKind {
    Data,
    Mask,
    BelowNext,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    pub axes: Vec<usize>,
    pub home: Home,
    pub low: i128,
    pub high: i128,
    pub origin: String,
    pub kind: PublicKind,
    /// Of a mask, how far back each layer sees.
    pub windows: Vec<i128>,
    /// Of public data.
    pub data: Option<Array>,
}

#[derive(Clone, Debug)]
pub struct Table {
    pub name: String,
    pub rows: usize,
    pub expression: String,
    pub data: Array,
}

#[derive(Clone, Debug)]
pub struct Product {
    pub coefficient: i128,
    pub factors: Vec<Expr>,
}

#[derive(Clone, Debug)]
pub struct Einsum {
    pub name: String,
    pub lhs: Expr,
    pub products: Vec<Product>,
    /// The column that it defines.
    pub defines: Option<usize>,
}

impl Einsum {
    /// The coefficient of the column that it defines, 1 or -1.
    pub fn sign(&self) -> i128 {
        let own = |term: &&Term| Some(term.column) == self.defines;
        self.lhs
            .terms
            .iter()
            .find(own)
            .map_or(0, |term| term.coefficient)
    }

    /// The left side without the column that it defines.
    pub fn rest(&self) -> Expr {
        self.lhs.without(|column| Some(column) == self.defines)
    }
}

#[derive(Clone, Debug)]
pub struct Lookup {
    pub name: String,
    pub table: usize,
    pub exprs: Vec<Expr>,
    pub origin: String,
}

#[derive(Clone, Debug)]
pub struct Linear {
    pub name: String,
    pub expr: Expr,
    pub bound: i128,
    pub origin: String,
}

#[derive(Clone, Debug)]
pub struct Gather {
    pub name: String,
    pub index: Expr,
    pub value: Expr,
    pub source: Expr,
}

#[derive(Clone, Debug, Default)]
pub struct Circuit {
    pub axes: Vec<Axis>,
    pub columns: Vec<Column>,
    pub tables: Vec<Table>,
    pub einsums: Vec<Einsum>,
    pub lookups: Vec<Lookup>,
    pub linears: Vec<Linear>,
    pub extents: Vec<(String, usize)>,
    pub bands: Vec<Band>,
    pub gathers: Vec<Gather>,
    /// The witness columns that hold the prompt and the output; empty where a circuit takes them as inputs.
    pub reveals: [Vec<usize>; 2],
}

impl Circuit {
    pub fn home(&self, home: Home) -> impl Iterator<Item = usize> + '_ {
        (0..self.columns.len()).filter(move |&number| self.columns[number].home == home)
    }

    /// The einsum that defines each column, where one does.
    pub fn defined(&self) -> Vec<Option<usize>> {
        let mut found = alloc::vec![None; self.columns.len()];
        for (number, einsum) in self.einsums.iter().enumerate() {
            if let Some(column) = einsum.defines {
                found[column] = Some(number);
            }
        }
        found
    }

    pub fn extent(&self, name: &str) -> Option<usize> {
        let found = self.extents.iter().find(|(own, _)| own == name)?;
        Some(found.1)
    }

    /// The most tokens of one proof; 0 if the circuit generates none.
    pub fn longest(&self) -> usize {
        self.extent("tokens").unwrap_or(0)
    }

    /// The number of token ids: the size of the axis of that name.
    pub fn vocabulary(&self) -> usize {
        match self.axes.iter().find(|axis| axis.name == "vocabulary") {
            Some(Axis {
                size: Size::Number(size),
                ..
            }) => *size,
            _ => 0,
        }
    }

    pub fn reveals_tokens(&self) -> bool {
        self.reveals.iter().any(|columns| !columns.is_empty())
    }

    /// Whether an expression reads nothing but public columns.
    pub fn is_public(&self, expr: &Expr) -> bool {
        let home = |term: &Term| self.columns[term.column].home;
        expr.terms.iter().all(|term| home(term) == Home::Public)
    }
}
