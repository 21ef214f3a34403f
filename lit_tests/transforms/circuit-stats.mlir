// RUN: zk-opt %S/../../tests/lowering/tiny.mlir -p "preprocess,circuit-stats" | filecheck %s --check-prefix ALL
// RUN: zk-opt %S/../../tests/lowering/tiny.mlir -p "preprocess,virtualize,circuit-stats" | filecheck %s --check-prefix VIRTUAL
// RUN: zk-opt %S/../../tests/lowering/tiny.mlir -p "preprocess,virtualize,dedup-lookups,circuit-stats" | filecheck %s --check-prefix DEDUP
// RUN: zk-opt %S/../../tests/lowering/tiny.mlir -p "preprocess,virtualize,dedup-lookups,merge-tables,circuit-stats" | filecheck %s --check-prefix MERGE

// What each pass saves: virtualize cells, dedup-lookups lookups, merge-tables rows (before it, ranges
// have no table).

// ALL:     witness_cells = 109672 : i64, lookups = 60544 : i64, {{.*}} tables = 16 : i64, table_rows = 606308 : i64
// VIRTUAL: witness_cells = 65576 : i64, lookups = 60544 : i64
// DEDUP:   witness_cells = 65576 : i64, lookups = 59392 : i64, {{.*}} table_rows = 606308 : i64
// MERGE:   witness_cells = 65576 : i64, lookups = 59392 : i64, {{.*}} tables = 16 : i64, table_rows = 429893 : i64
