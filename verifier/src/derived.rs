//! Circuits about weights alone: that each lies in its range, and that two commitments hold the same.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::array::{write_range, Array, Part};
use crate::circuit::{
    Axis, Circuit, Column, Expr, Home, Index, IndexKind, Linear, Lookup, PublicKind, Size, Table,
    Term,
};
use crate::decode::MOST_CELLS;
use crate::error::{invalid, Result};
use crate::hash::Sha256;
use crate::msgpack::Writer;

/// The weights of a circuit, each cell looked up in the table 0 .. high - low.
pub fn ranges(circuit: &Circuit) -> Result<Circuit> {
    let (axes, columns) = weights(circuit);
    let span = |column: &Column| column.high - column.low + 1;
    let spans: BTreeSet<i128> = columns.iter().map(span).collect();
    if spans.iter().sum::<i128>() > MOST_CELLS as i128 {
        return invalid(format!(
            "the ranges of the weights: they are wider than tables of {MOST_CELLS} rows"
        ));
    }
    let table = |&rows: &i128| Table {
        name: format!("below {rows}"),
        rows: rows as usize,
        expression: String::new(),
        data: Array {
            shape: vec![rows as usize, 1],
            parts: vec![Part::Progression {
                first: 0,
                step: 1,
                count: rows as usize,
            }],
        },
    };
    let lookup = |(number, column): (usize, &Column)| Lookup {
        name: format!("{}.range", column.name),
        table: spans.iter().position(|&x| x == span(column)).unwrap_or(0),
        exprs: vec![Expr {
            axes: column.axes.clone(),
            terms: vec![cells(1, number, column)],
            constant: -column.low,
        }],
        origin: column.origin.clone(),
    };
    Ok(Circuit {
        tables: spans.iter().map(table).collect(),
        lookups: columns.iter().enumerate().map(lookup).collect(),
        axes,
        columns,
        ..Circuit::default()
    })
}

/// The weights of a circuit twice, under an older and a newer commitment, and that they are the same.
pub fn link(circuit: &Circuit) -> Circuit {
    let (axes, own) = weights(circuit);
    let named = |prefix: &str, home| {
        let of = move |column: &Column| Column {
            name: format!("{prefix}{}", column.name),
            home,
            ..column.clone()
        };
        own.iter().map(of).collect::<Vec<Column>>()
    };
    let linear = |(number, column): (usize, &Column)| Linear {
        name: format!("{}.same", column.name),
        expr: Expr {
            axes: column.axes.clone(),
            terms: vec![
                cells(1, number, column),
                cells(-1, own.len() + number, column),
            ],
            constant: 0,
        },
        bound: (column.high - column.low).max(1),
        origin: column.origin.clone(),
    };
    let mut columns = named("old ", Home::Param);
    columns.extend(named("new ", Home::Renewed));
    Circuit {
        linears: own.iter().enumerate().map(linear).collect(),
        axes,
        columns,
        ..Circuit::default()
    }
}

/// The axes that weights are over, and the weights' columns, over these.
fn weights(circuit: &Circuit) -> (Vec<Axis>, Vec<Column>) {
    let mut columns: Vec<Column> = circuit
        .home(Home::Param)
        .map(|number| circuit.columns[number].clone())
        .collect();
    let used: BTreeSet<usize> = columns.iter().flat_map(|c| c.axes.clone()).collect();
    let place = |axis: &usize| used.iter().position(|other| other == axis).unwrap_or(0);
    for column in &mut columns {
        column.axes = column.axes.iter().map(place).collect();
    }
    let axes = used.iter().map(|&axis| circuit.axes[axis].clone());
    (axes.collect(), columns)
}

/// A column read as it is.
fn cells(coefficient: i128, number: usize, column: &Column) -> Term {
    let index = |&axis: &usize| Index {
        kind: IndexKind::Same,
        axis: Some(axis),
        table: Rc::from([]),
    };
    Term {
        coefficient,
        column: number,
        indices: column.axes.iter().map(index).collect(),
    }
}

/// SHA-256 of the canonical encoding of such a circuit.
pub fn digest(circuit: &Circuit) -> [u8; 32] {
    let mut out = Encoder {
        writer: Writer::default(),
        circuit,
    };
    out.circuit();
    Sha256::of(&out.writer.data)
}

struct Encoder<'a> {
    writer: Writer,
    circuit: &'a Circuit,
}

impl Encoder<'_> {
    fn circuit(&mut self) {
        let circuit = self.circuit;
        self.writer.list(13);
        self.writer.text("circuit");
        self.writer.int(6);
        self.writer.list(circuit.axes.len());
        for axis in &circuit.axes {
            self.writer.list(2);
            self.writer.text(&axis.name);
            match &axis.size {
                Size::Number(size) => self.writer.int(*size as i128),
                Size::Extent(name) => self.writer.text(name),
            }
        }
        self.writer.list(circuit.columns.len());
        for column in &circuit.columns {
            self.column(column);
        }
        self.writer.list(circuit.tables.len());
        for table in &circuit.tables {
            self.writer.list(4);
            self.writer.text(&table.name);
            self.writer.int(table.data.parts.len() as i128);
            self.writer.int(table.rows as i128);
            self.writer.text(&table.expression);
        }
        self.writer.list(0); // einsums
        self.writer.list(circuit.lookups.len());
        for lookup in &circuit.lookups {
            self.writer.list(4);
            self.writer.text(&lookup.name);
            self.writer.text(&circuit.tables[lookup.table].name);
            self.writer.list(lookup.exprs.len());
            for expr in &lookup.exprs {
                self.expr(expr);
            }
            self.writer.text(&lookup.origin);
        }
        self.writer.list(circuit.linears.len());
        for linear in &circuit.linears {
            self.writer.list(4);
            self.writer.text(&linear.name);
            self.expr(&linear.expr);
            self.writer.int(linear.bound);
            self.writer.text(&linear.origin);
        }
        for _ in ["extents", "bands", "gathers", "reveals"] {
            self.writer.list(0);
        }
        let mut tables: Vec<&Table> = circuit.tables.iter().collect();
        tables.sort_by_key(|table| table.name.to_string());
        self.writer.list(tables.len());
        for table in tables {
            self.writer.list(2);
            self.writer.text(&table.name);
            self.writer.list(2);
            self.writer.list(2);
            self.writer.int(table.rows as i128);
            self.writer.int(1);
            self.writer.list(1);
            write_range(&mut self.writer, table.rows);
        }
    }

    fn axes(&mut self, axes: &[usize]) {
        self.writer.list(axes.len());
        for &axis in axes {
            self.writer.text(&self.circuit.axes[axis].name);
        }
    }

    fn column(&mut self, column: &Column) {
        self.writer.list(8);
        self.writer.text(&column.name);
        self.axes(&column.axes);
        self.writer.text(match column.home {
            Home::Param => "param",
            Home::Renewed => "renewed",
            Home::Witness => "witness",
            Home::Public => "public",
        });
        self.writer.int(column.low);
        self.writer.int(column.high);
        self.writer.text(&column.origin);
        self.writer.text(match column.kind {
            PublicKind::Data => "data",
            PublicKind::Mask => "mask",
            PublicKind::BelowNext => "below-next",
        });
        self.writer.list(column.windows.len());
        for &window in &column.windows {
            self.writer.int(window);
        }
    }

    fn expr(&mut self, expr: &Expr) {
        self.writer.list(3);
        self.axes(&expr.axes);
        self.writer.list(expr.terms.len());
        for term in &expr.terms {
            self.writer.list(3);
            self.writer.int(term.coefficient);
            self.writer.text(&self.circuit.columns[term.column].name);
            self.writer.list(term.indices.len());
            for index in &term.indices {
                let own = |(_, kind): &&(&str, IndexKind)| *kind == index.kind;
                let found = IndexKind::NAMES.iter().find(own);
                self.writer.list(3);
                self.writer.text(found.map_or("", |(name, _)| name));
                let axis = index.axis.map(|axis| &self.circuit.axes[axis].name);
                self.writer.text(axis.map_or("", |name| name));
                self.writer.list(0);
            }
        }
        self.writer.int(expr.constant);
    }
}
