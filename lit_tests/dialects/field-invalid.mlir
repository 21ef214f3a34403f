// RUN: zk-opt %s --split-input-file --parsing-diagnostics --verify-diagnostics | filecheck %s

// CHECK: 18446744069414584321 is not in [0, p)
%a = field.constant <18446744069414584321> : !field.pf<"goldilocks">

// -----

// CHECK: -1 is not in [0, p)
%a = field.constant <-1> : !field.pf<"goldilocks">

// -----

// CHECK: unknown field mersenne61 (known: goldilocks)
%a = field.constant <1> : !field.pf<"mersenne61">
