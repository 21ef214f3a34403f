// RUN: zk-opt %S/../../tests/lowering/tiny.mlir -p "convert-quant-to-zk,circuit-stats" | filecheck %s --check-prefix ALL
// RUN: zk-opt %S/../../tests/lowering/tiny.mlir -p "convert-quant-to-zk{private-tokens=true},circuit-stats" | filecheck %s --check-prefix PRIVATE
// RUN: zk-opt %S/../../tests/lowering/tiny.mlir -p "convert-quant-to-zk,virtualize,circuit-stats" | filecheck %s --check-prefix VIRTUAL
// RUN: zk-opt %S/../../tests/lowering/tiny.mlir -p "convert-quant-to-zk,virtualize,dedup-lookups,circuit-stats" | filecheck %s --check-prefix DEDUP
// RUN: zk-opt %S/../../tests/lowering/tiny.mlir -p "convert-quant-to-zk,virtualize,dedup-lookups,merge-tables,circuit-stats" | filecheck %s --check-prefix MERGE
// RUN: zk-opt %S/../../tests/lowering/tiny.mlir -p "convert-quant-to-zk,virtualize,dedup-lookups,merge-tables,circuit-stats{modules=true}" | filecheck %s --check-prefix MODULES

// What each pass saves: virtualize cells, dedup-lookups lookups, merge-tables rows (before it, ranges
// have no table). With private tokens there are gathers, each a lookup a row: of 16 tokens,
// and for each of 8 steps of what it reads, of its token and of that token's place, from 40 + 16 + 16
// rows of three sources.

// ALL:     witness_cells = 87272 : i64, defined_cells = 0 : i64, lookups = 58624 : i64, {{.*}} tables = 16 : i64, table_rows = 606308 : i64
// PRIVATE: witness_cells = 88033 : i64, defined_cells = 0 : i64, lookups = 59016 : i64, {{.*}} gathers = 4 : i64, {{.*}} tables = 16 : i64, table_rows = 606380 : i64
// VIRTUAL: witness_cells = 64808 : i64, defined_cells = 0 : i64, lookups = 58624 : i64
// DEDUP:   witness_cells = 64808 : i64, defined_cells = 0 : i64, lookups = 58624 : i64, {{.*}} table_rows = 606308 : i64
// MERGE:   witness_cells = 64808 : i64, defined_cells = 0 : i64, lookups = 58624 : i64, {{.*}} tables = 16 : i64, table_rows = 692033 : i64
// MODULES: modules = {lm_head = {witness_cells = 648 : i64, lookups = 640 : i64, products = 5120 : i64}, {{.*}} "model.layers.{layer}.mlp.gate_proj.weight" = {param_cells = 1152
