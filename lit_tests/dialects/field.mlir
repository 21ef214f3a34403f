// RUN: zk-opt %s | filecheck %s
// RUN: zk-opt %s -p canonicalize,cse | filecheck %s --check-prefix FOLD

// CHECK:      %a = field.constant <18446744069414584320> : !field.pf<"goldilocks">
// CHECK-NEXT: %b = field.constant <5> : !field.pf<"goldilocks">
// CHECK-NEXT: %sum = field.add %a, %b : !field.pf<"goldilocks">
// CHECK-NEXT: %difference = field.sub %b, %a : !field.pf<"goldilocks">
// CHECK-NEXT: %product = field.mul %a, %sum : !field.pf<"goldilocks">
// CHECK-NEXT: "test.op"(%sum, %difference, %product)

// Arithmetic is modulo 2^64 - 2^32 + 1: -1 + 5 = 4, 5 - (-1) = 6, -1 * 4 = -4.
// FOLD:      [[SUM:%.*]] = field.constant <4>
// FOLD:      [[DIFFERENCE:%.*]] = field.constant <6>
// FOLD:      [[PRODUCT:%.*]] = field.constant <18446744069414584317>
// FOLD-NEXT: "test.op"([[SUM]], [[DIFFERENCE]], [[PRODUCT]])
%a = field.constant <18446744069414584320> : !field.pf<"goldilocks">
%b = field.constant <5> : !field.pf<"goldilocks">
%sum = field.add %a, %b : !field.pf<"goldilocks">
%difference = field.sub %b, %a : !field.pf<"goldilocks">
%product = field.mul %a, %sum : !field.pf<"goldilocks">
"test.op"(%sum, %difference, %product) : (!field.pf<"goldilocks">, !field.pf<"goldilocks">, !field.pf<"goldilocks">) -> ()
