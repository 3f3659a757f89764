;; deltavec's kernels: what TeaVM cannot say, SIMD and memory instructions. The post-link joins them with TeaVM's output,
;; where Java calls them as native methods (SimdKernels, LinearMemory). See the interfaces Kernels and Memory of the core.
;;
;; Rows are float32, padded with zeros to a multiple of 16, so the loops have no tails. Addresses and lengths are unsigned;
;; the memory ends one page below 4 GiB, so the end of a row never wraps to 0.
;;
;; One order of summation for all: each row has one accumulator of four lanes, lane j summing the floats 4i + j in order,
;; and the lanes add up as (0 + 2) + (1 + 3). So a row's result does not depend on its place in a batch or on the kernel,
;; and equal rows get equal scores. No fused or relaxed instructions: every engine computes the same bits.
;;
;; Why eight rows at once: search is bound by cache misses on rows at random places, and eight rows are eight streams of
;; misses in flight. For 384 floats, against one row at a time: 0.65 (dot) to 1 (distance) of the time from the nearest
;; cache, 0.7 from a far one, under 0.5 from memory. More rows spill registers; touching the next rows ahead gains nothing.
(module
  (import "env" "memory" (memory $memory 1))

  ;; ---- sums of the lanes

  (func $sum (param $s v128) (result f32)
    (f32.add
      (f32.add (f32x4.extract_lane 0 (local.get $s)) (f32x4.extract_lane 2 (local.get $s)))
      (f32.add (f32x4.extract_lane 1 (local.get $s)) (f32x4.extract_lane 3 (local.get $s)))))

  ;; Four sums, in the same order as $sum.
  (func $sums (param $a v128) (param $b v128) (param $c v128) (param $d v128) (result v128)
    ;; a0+a2 b0+b2 a1+a3 b1+b3, and the same of c and d
    (local.set $a (f32x4.add
      (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 (local.get $a) (local.get $b))
      (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 (local.get $a) (local.get $b))))
    (local.set $c (f32x4.add
      (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 (local.get $c) (local.get $d))
      (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 (local.get $c) (local.get $d))))
    (f32x4.add
      (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (local.get $a) (local.get $c))
      (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31 (local.get $a) (local.get $c))))

  ;; ---- one row with one row

  ;; Dot product of the rows at $a and $b.
  (func $dot (export "dot") (param $a i32) (param $b i32) (param $floats i32) (result f32)
    (local $end i32) (local $s v128)
    (local.set $end (i32.add (local.get $a) (i32.shl (local.get $floats) (i32.const 2))))
    (loop $block
      (local.set $s (f32x4.add (local.get $s) (f32x4.mul (v128.load offset=0 (local.get $a)) (v128.load offset=0 (local.get $b)))))
      (local.set $s (f32x4.add (local.get $s) (f32x4.mul (v128.load offset=16 (local.get $a)) (v128.load offset=16 (local.get $b)))))
      (local.set $s (f32x4.add (local.get $s) (f32x4.mul (v128.load offset=32 (local.get $a)) (v128.load offset=32 (local.get $b)))))
      (local.set $s (f32x4.add (local.get $s) (f32x4.mul (v128.load offset=48 (local.get $a)) (v128.load offset=48 (local.get $b)))))
      (local.set $b (i32.add (local.get $b) (i32.const 64)))
      (br_if $block (i32.lt_u (local.tee $a (i32.add (local.get $a) (i32.const 64))) (local.get $end))))
    (call $sum (local.get $s)))

  ;; Squared Euclidean distance of the rows at $a and $b.
  (func $squaredDistance (export "squaredDistance") (param $a i32) (param $b i32) (param $floats i32) (result f32)
    (local $end i32) (local $d v128) (local $s v128)
    (local.set $end (i32.add (local.get $a) (i32.shl (local.get $floats) (i32.const 2))))
    (loop $block
      (local.set $d (f32x4.sub (v128.load offset=0 (local.get $a)) (v128.load offset=0 (local.get $b))))
      (local.set $s (f32x4.add (local.get $s) (f32x4.mul (local.get $d) (local.get $d))))
      (local.set $d (f32x4.sub (v128.load offset=16 (local.get $a)) (v128.load offset=16 (local.get $b))))
      (local.set $s (f32x4.add (local.get $s) (f32x4.mul (local.get $d) (local.get $d))))
      (local.set $d (f32x4.sub (v128.load offset=32 (local.get $a)) (v128.load offset=32 (local.get $b))))
      (local.set $s (f32x4.add (local.get $s) (f32x4.mul (local.get $d) (local.get $d))))
      (local.set $d (f32x4.sub (v128.load offset=48 (local.get $a)) (v128.load offset=48 (local.get $b))))
      (local.set $s (f32x4.add (local.get $s) (f32x4.mul (local.get $d) (local.get $d))))
      (local.set $b (i32.add (local.get $b) (i32.const 64)))
      (br_if $block (i32.lt_u (local.tee $a (i32.add (local.get $a) (i32.const 64))) (local.get $end))))
    (call $sum (local.get $s)))

  ;; ---- one row with many: eight at a time, then four, two and one

  ;; Dot products of the row at $query with $n rows, whose addresses stand at $rows; $n floats to $out.
  (func $dotBatch (export "dotBatch") (param $query i32) (param $rows i32) (param $n i32) (param $floats i32) (param $out i32)
    (local $p i32) (local $end i32) (local $v v128)
    (local $r0 i32) (local $r1 i32) (local $r2 i32) (local $r3 i32) (local $r4 i32) (local $r5 i32) (local $r6 i32) (local $r7 i32)
    (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128) (local $s4 v128) (local $s5 v128) (local $s6 v128) (local $s7 v128)
    (local.set $end (i32.add (local.get $query) (i32.shl (local.get $floats) (i32.const 2))))
    (block $rest (loop $eights
      (br_if $rest (i32.lt_u (local.get $n) (i32.const 8)))
      (local.set $p (local.get $query))
      (local.set $r0 (i32.load offset=0 (local.get $rows))) (local.set $s0 (v128.const i32x4 0 0 0 0))
      (local.set $r1 (i32.load offset=4 (local.get $rows))) (local.set $s1 (v128.const i32x4 0 0 0 0))
      (local.set $r2 (i32.load offset=8 (local.get $rows))) (local.set $s2 (v128.const i32x4 0 0 0 0))
      (local.set $r3 (i32.load offset=12 (local.get $rows))) (local.set $s3 (v128.const i32x4 0 0 0 0))
      (local.set $r4 (i32.load offset=16 (local.get $rows))) (local.set $s4 (v128.const i32x4 0 0 0 0))
      (local.set $r5 (i32.load offset=20 (local.get $rows))) (local.set $s5 (v128.const i32x4 0 0 0 0))
      (local.set $r6 (i32.load offset=24 (local.get $rows))) (local.set $s6 (v128.const i32x4 0 0 0 0))
      (local.set $r7 (i32.load offset=28 (local.get $rows))) (local.set $s7 (v128.const i32x4 0 0 0 0))
      (loop $eight
        (local.set $v (v128.load offset=0 (local.get $p)))
        (local.set $s0 (f32x4.add (local.get $s0) (f32x4.mul (local.get $v) (v128.load offset=0 (local.get $r0)))))
        (local.set $s1 (f32x4.add (local.get $s1) (f32x4.mul (local.get $v) (v128.load offset=0 (local.get $r1)))))
        (local.set $s2 (f32x4.add (local.get $s2) (f32x4.mul (local.get $v) (v128.load offset=0 (local.get $r2)))))
        (local.set $s3 (f32x4.add (local.get $s3) (f32x4.mul (local.get $v) (v128.load offset=0 (local.get $r3)))))
        (local.set $s4 (f32x4.add (local.get $s4) (f32x4.mul (local.get $v) (v128.load offset=0 (local.get $r4)))))
        (local.set $s5 (f32x4.add (local.get $s5) (f32x4.mul (local.get $v) (v128.load offset=0 (local.get $r5)))))
        (local.set $s6 (f32x4.add (local.get $s6) (f32x4.mul (local.get $v) (v128.load offset=0 (local.get $r6)))))
        (local.set $s7 (f32x4.add (local.get $s7) (f32x4.mul (local.get $v) (v128.load offset=0 (local.get $r7)))))
        (local.set $v (v128.load offset=16 (local.get $p)))
        (local.set $s0 (f32x4.add (local.get $s0) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $r0)))))
        (local.set $s1 (f32x4.add (local.get $s1) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $r1)))))
        (local.set $s2 (f32x4.add (local.get $s2) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $r2)))))
        (local.set $s3 (f32x4.add (local.get $s3) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $r3)))))
        (local.set $s4 (f32x4.add (local.get $s4) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $r4)))))
        (local.set $s5 (f32x4.add (local.get $s5) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $r5)))))
        (local.set $s6 (f32x4.add (local.get $s6) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $r6)))))
        (local.set $s7 (f32x4.add (local.get $s7) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $r7)))))
        (local.set $r0 (i32.add (local.get $r0) (i32.const 32)))
        (local.set $r1 (i32.add (local.get $r1) (i32.const 32)))
        (local.set $r2 (i32.add (local.get $r2) (i32.const 32)))
        (local.set $r3 (i32.add (local.get $r3) (i32.const 32)))
        (local.set $r4 (i32.add (local.get $r4) (i32.const 32)))
        (local.set $r5 (i32.add (local.get $r5) (i32.const 32)))
        (local.set $r6 (i32.add (local.get $r6) (i32.const 32)))
        (local.set $r7 (i32.add (local.get $r7) (i32.const 32)))
        (br_if $eight (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 32))) (local.get $end))))
      (v128.store (local.get $out) (call $sums (local.get $s0) (local.get $s1) (local.get $s2) (local.get $s3)))
      (v128.store offset=16 (local.get $out) (call $sums (local.get $s4) (local.get $s5) (local.get $s6) (local.get $s7)))
      (local.set $rows (i32.add (local.get $rows) (i32.const 32)))
      (local.set $out (i32.add (local.get $out) (i32.const 32)))
      (local.set $n (i32.sub (local.get $n) (i32.const 8)))
      (br $eights)))
    (if (i32.ge_u (local.get $n) (i32.const 4)) (then
      (local.set $p (local.get $query))
      (local.set $r0 (i32.load offset=0 (local.get $rows))) (local.set $s0 (v128.const i32x4 0 0 0 0))
      (local.set $r1 (i32.load offset=4 (local.get $rows))) (local.set $s1 (v128.const i32x4 0 0 0 0))
      (local.set $r2 (i32.load offset=8 (local.get $rows))) (local.set $s2 (v128.const i32x4 0 0 0 0))
      (local.set $r3 (i32.load offset=12 (local.get $rows))) (local.set $s3 (v128.const i32x4 0 0 0 0))
      (loop $four
        (local.set $v (v128.load offset=0 (local.get $p)))
        (local.set $s0 (f32x4.add (local.get $s0) (f32x4.mul (local.get $v) (v128.load offset=0 (local.get $r0)))))
        (local.set $s1 (f32x4.add (local.get $s1) (f32x4.mul (local.get $v) (v128.load offset=0 (local.get $r1)))))
        (local.set $s2 (f32x4.add (local.get $s2) (f32x4.mul (local.get $v) (v128.load offset=0 (local.get $r2)))))
        (local.set $s3 (f32x4.add (local.get $s3) (f32x4.mul (local.get $v) (v128.load offset=0 (local.get $r3)))))
        (local.set $v (v128.load offset=16 (local.get $p)))
        (local.set $s0 (f32x4.add (local.get $s0) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $r0)))))
        (local.set $s1 (f32x4.add (local.get $s1) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $r1)))))
        (local.set $s2 (f32x4.add (local.get $s2) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $r2)))))
        (local.set $s3 (f32x4.add (local.get $s3) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $r3)))))
        (local.set $r0 (i32.add (local.get $r0) (i32.const 32)))
        (local.set $r1 (i32.add (local.get $r1) (i32.const 32)))
        (local.set $r2 (i32.add (local.get $r2) (i32.const 32)))
        (local.set $r3 (i32.add (local.get $r3) (i32.const 32)))
        (br_if $four (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 32))) (local.get $end))))
      (v128.store (local.get $out) (call $sums (local.get $s0) (local.get $s1) (local.get $s2) (local.get $s3)))
      (local.set $rows (i32.add (local.get $rows) (i32.const 16)))
      (local.set $out (i32.add (local.get $out) (i32.const 16)))
      (local.set $n (i32.sub (local.get $n) (i32.const 4)))))
    (if (i32.ge_u (local.get $n) (i32.const 2)) (then
      (local.set $p (local.get $query))
      (local.set $r0 (i32.load offset=0 (local.get $rows))) (local.set $s0 (v128.const i32x4 0 0 0 0))
      (local.set $r1 (i32.load offset=4 (local.get $rows))) (local.set $s1 (v128.const i32x4 0 0 0 0))
      (loop $two
        (local.set $v (v128.load offset=0 (local.get $p)))
        (local.set $s0 (f32x4.add (local.get $s0) (f32x4.mul (local.get $v) (v128.load offset=0 (local.get $r0)))))
        (local.set $s1 (f32x4.add (local.get $s1) (f32x4.mul (local.get $v) (v128.load offset=0 (local.get $r1)))))
        (local.set $v (v128.load offset=16 (local.get $p)))
        (local.set $s0 (f32x4.add (local.get $s0) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $r0)))))
        (local.set $s1 (f32x4.add (local.get $s1) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $r1)))))
        (local.set $r0 (i32.add (local.get $r0) (i32.const 32)))
        (local.set $r1 (i32.add (local.get $r1) (i32.const 32)))
        (br_if $two (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 32))) (local.get $end))))
      (f32.store (local.get $out) (call $sum (local.get $s0)))
      (f32.store offset=4 (local.get $out) (call $sum (local.get $s1)))
      (local.set $rows (i32.add (local.get $rows) (i32.const 8)))
      (local.set $out (i32.add (local.get $out) (i32.const 8)))
      (local.set $n (i32.sub (local.get $n) (i32.const 2)))))
    (if (local.get $n) (then
      (f32.store (local.get $out) (call $dot (local.get $query) (i32.load (local.get $rows)) (local.get $floats))))))

  ;; Squared Euclidean distances, likewise.
  (func $squaredDistanceBatch (export "squaredDistanceBatch") (param $query i32) (param $rows i32) (param $n i32) (param $floats i32) (param $out i32)
    (local $p i32) (local $end i32) (local $v v128) (local $d v128)
    (local $r0 i32) (local $r1 i32) (local $r2 i32) (local $r3 i32) (local $r4 i32) (local $r5 i32) (local $r6 i32) (local $r7 i32)
    (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128) (local $s4 v128) (local $s5 v128) (local $s6 v128) (local $s7 v128)
    (local.set $end (i32.add (local.get $query) (i32.shl (local.get $floats) (i32.const 2))))
    (block $rest (loop $eights
      (br_if $rest (i32.lt_u (local.get $n) (i32.const 8)))
      (local.set $p (local.get $query))
      (local.set $r0 (i32.load offset=0 (local.get $rows))) (local.set $s0 (v128.const i32x4 0 0 0 0))
      (local.set $r1 (i32.load offset=4 (local.get $rows))) (local.set $s1 (v128.const i32x4 0 0 0 0))
      (local.set $r2 (i32.load offset=8 (local.get $rows))) (local.set $s2 (v128.const i32x4 0 0 0 0))
      (local.set $r3 (i32.load offset=12 (local.get $rows))) (local.set $s3 (v128.const i32x4 0 0 0 0))
      (local.set $r4 (i32.load offset=16 (local.get $rows))) (local.set $s4 (v128.const i32x4 0 0 0 0))
      (local.set $r5 (i32.load offset=20 (local.get $rows))) (local.set $s5 (v128.const i32x4 0 0 0 0))
      (local.set $r6 (i32.load offset=24 (local.get $rows))) (local.set $s6 (v128.const i32x4 0 0 0 0))
      (local.set $r7 (i32.load offset=28 (local.get $rows))) (local.set $s7 (v128.const i32x4 0 0 0 0))
      (loop $eight
        (local.set $v (v128.load offset=0 (local.get $p)))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=0 (local.get $r0))))
        (local.set $s0 (f32x4.add (local.get $s0) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=0 (local.get $r1))))
        (local.set $s1 (f32x4.add (local.get $s1) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=0 (local.get $r2))))
        (local.set $s2 (f32x4.add (local.get $s2) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=0 (local.get $r3))))
        (local.set $s3 (f32x4.add (local.get $s3) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=0 (local.get $r4))))
        (local.set $s4 (f32x4.add (local.get $s4) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=0 (local.get $r5))))
        (local.set $s5 (f32x4.add (local.get $s5) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=0 (local.get $r6))))
        (local.set $s6 (f32x4.add (local.get $s6) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=0 (local.get $r7))))
        (local.set $s7 (f32x4.add (local.get $s7) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $v (v128.load offset=16 (local.get $p)))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=16 (local.get $r0))))
        (local.set $s0 (f32x4.add (local.get $s0) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=16 (local.get $r1))))
        (local.set $s1 (f32x4.add (local.get $s1) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=16 (local.get $r2))))
        (local.set $s2 (f32x4.add (local.get $s2) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=16 (local.get $r3))))
        (local.set $s3 (f32x4.add (local.get $s3) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=16 (local.get $r4))))
        (local.set $s4 (f32x4.add (local.get $s4) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=16 (local.get $r5))))
        (local.set $s5 (f32x4.add (local.get $s5) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=16 (local.get $r6))))
        (local.set $s6 (f32x4.add (local.get $s6) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=16 (local.get $r7))))
        (local.set $s7 (f32x4.add (local.get $s7) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $r0 (i32.add (local.get $r0) (i32.const 32)))
        (local.set $r1 (i32.add (local.get $r1) (i32.const 32)))
        (local.set $r2 (i32.add (local.get $r2) (i32.const 32)))
        (local.set $r3 (i32.add (local.get $r3) (i32.const 32)))
        (local.set $r4 (i32.add (local.get $r4) (i32.const 32)))
        (local.set $r5 (i32.add (local.get $r5) (i32.const 32)))
        (local.set $r6 (i32.add (local.get $r6) (i32.const 32)))
        (local.set $r7 (i32.add (local.get $r7) (i32.const 32)))
        (br_if $eight (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 32))) (local.get $end))))
      (v128.store (local.get $out) (call $sums (local.get $s0) (local.get $s1) (local.get $s2) (local.get $s3)))
      (v128.store offset=16 (local.get $out) (call $sums (local.get $s4) (local.get $s5) (local.get $s6) (local.get $s7)))
      (local.set $rows (i32.add (local.get $rows) (i32.const 32)))
      (local.set $out (i32.add (local.get $out) (i32.const 32)))
      (local.set $n (i32.sub (local.get $n) (i32.const 8)))
      (br $eights)))
    (if (i32.ge_u (local.get $n) (i32.const 4)) (then
      (local.set $p (local.get $query))
      (local.set $r0 (i32.load offset=0 (local.get $rows))) (local.set $s0 (v128.const i32x4 0 0 0 0))
      (local.set $r1 (i32.load offset=4 (local.get $rows))) (local.set $s1 (v128.const i32x4 0 0 0 0))
      (local.set $r2 (i32.load offset=8 (local.get $rows))) (local.set $s2 (v128.const i32x4 0 0 0 0))
      (local.set $r3 (i32.load offset=12 (local.get $rows))) (local.set $s3 (v128.const i32x4 0 0 0 0))
      (loop $four
        (local.set $v (v128.load offset=0 (local.get $p)))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=0 (local.get $r0))))
        (local.set $s0 (f32x4.add (local.get $s0) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=0 (local.get $r1))))
        (local.set $s1 (f32x4.add (local.get $s1) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=0 (local.get $r2))))
        (local.set $s2 (f32x4.add (local.get $s2) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=0 (local.get $r3))))
        (local.set $s3 (f32x4.add (local.get $s3) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $v (v128.load offset=16 (local.get $p)))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=16 (local.get $r0))))
        (local.set $s0 (f32x4.add (local.get $s0) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=16 (local.get $r1))))
        (local.set $s1 (f32x4.add (local.get $s1) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=16 (local.get $r2))))
        (local.set $s2 (f32x4.add (local.get $s2) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=16 (local.get $r3))))
        (local.set $s3 (f32x4.add (local.get $s3) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $r0 (i32.add (local.get $r0) (i32.const 32)))
        (local.set $r1 (i32.add (local.get $r1) (i32.const 32)))
        (local.set $r2 (i32.add (local.get $r2) (i32.const 32)))
        (local.set $r3 (i32.add (local.get $r3) (i32.const 32)))
        (br_if $four (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 32))) (local.get $end))))
      (v128.store (local.get $out) (call $sums (local.get $s0) (local.get $s1) (local.get $s2) (local.get $s3)))
      (local.set $rows (i32.add (local.get $rows) (i32.const 16)))
      (local.set $out (i32.add (local.get $out) (i32.const 16)))
      (local.set $n (i32.sub (local.get $n) (i32.const 4)))))
    (if (i32.ge_u (local.get $n) (i32.const 2)) (then
      (local.set $p (local.get $query))
      (local.set $r0 (i32.load offset=0 (local.get $rows))) (local.set $s0 (v128.const i32x4 0 0 0 0))
      (local.set $r1 (i32.load offset=4 (local.get $rows))) (local.set $s1 (v128.const i32x4 0 0 0 0))
      (loop $two
        (local.set $v (v128.load offset=0 (local.get $p)))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=0 (local.get $r0))))
        (local.set $s0 (f32x4.add (local.get $s0) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=0 (local.get $r1))))
        (local.set $s1 (f32x4.add (local.get $s1) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $v (v128.load offset=16 (local.get $p)))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=16 (local.get $r0))))
        (local.set $s0 (f32x4.add (local.get $s0) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $v) (v128.load offset=16 (local.get $r1))))
        (local.set $s1 (f32x4.add (local.get $s1) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $r0 (i32.add (local.get $r0) (i32.const 32)))
        (local.set $r1 (i32.add (local.get $r1) (i32.const 32)))
        (br_if $two (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 32))) (local.get $end))))
      (f32.store (local.get $out) (call $sum (local.get $s0)))
      (f32.store offset=4 (local.get $out) (call $sum (local.get $s1)))
      (local.set $rows (i32.add (local.get $rows) (i32.const 8)))
      (local.set $out (i32.add (local.get $out) (i32.const 8)))
      (local.set $n (i32.sub (local.get $n) (i32.const 2)))))
    (if (local.get $n) (then
      (f32.store (local.get $out) (call $squaredDistance (local.get $query) (i32.load (local.get $rows)) (local.get $floats))))))

  ;; ---- checks

  ;; 1 if the $n floats from $address on are all finite, else 0: if none has an exponent of all ones, which the largest of
  ;; their bits without the sign tells.
  (func $allFinite (export "allFinite") (param $address i32) (param $n i32) (result i32)
    (local $end i32) (local $magnitude v128) (local $a v128) (local $b v128)
    (local.set $magnitude (v128.const i32x4 0x7fffffff 0x7fffffff 0x7fffffff 0x7fffffff))
    ;; Sixteen at a time; what is left, one at a time.
    (local.set $end (i32.add (local.get $address) (i32.shl (i32.and (local.get $n) (i32.const -16)) (i32.const 2))))
    (block $done (loop $block
      (br_if $done (i32.eq (local.get $address) (local.get $end)))
      (local.set $a (i32x4.max_u (local.get $a)
        (v128.and (v128.load offset=0 align=1 (local.get $address)) (local.get $magnitude))))
      (local.set $b (i32x4.max_u (local.get $b)
        (v128.and (v128.load offset=16 align=1 (local.get $address)) (local.get $magnitude))))
      (local.set $a (i32x4.max_u (local.get $a)
        (v128.and (v128.load offset=32 align=1 (local.get $address)) (local.get $magnitude))))
      (local.set $b (i32x4.max_u (local.get $b)
        (v128.and (v128.load offset=48 align=1 (local.get $address)) (local.get $magnitude))))
      (local.set $address (i32.add (local.get $address) (i32.const 64)))
      (br $block)))
    (local.set $end (i32.add (local.get $end) (i32.shl (i32.and (local.get $n) (i32.const 15)) (i32.const 2))))
    (block $done (loop $one
      (br_if $done (i32.eq (local.get $address) (local.get $end)))
      (local.set $a (i32x4.max_u (local.get $a)
        (v128.and (v128.load32_splat align=1 (local.get $address)) (local.get $magnitude))))
      (local.set $address (i32.add (local.get $address) (i32.const 4)))
      (br $one)))
    (i32.eqz (v128.any_true (i32x4.gt_u
      (i32x4.max_u (local.get $a) (local.get $b))
      (v128.const i32x4 0x7f7fffff 0x7f7fffff 0x7f7fffff 0x7f7fffff)))))

  ;; ---- memory

  ;; Copies $bytes bytes; the ranges may overlap.
  (func $copy (export "copy") (param $source i32) (param $target i32) (param $bytes i32)
    (memory.copy (local.get $target) (local.get $source) (local.get $bytes)))

  ;; Sets $bytes bytes to zero.
  (func $clear (export "clear") (param $address i32) (param $bytes i32)
    (memory.fill (local.get $address) (i32.const 0) (local.get $bytes)))

  ;; Size of the memory in pages of 64 KiB.
  (func $size (export "size") (result i32)
    (memory.size))

  ;; Grows the memory by $pages pages; the number of the first of them, or -1 if the platform refuses.
  (func $grow (export "grow") (param $pages i32) (result i32)
    (memory.grow (local.get $pages)))

  ;; Ends the call with a trap: the instance is in a state that no input should lead to. No memory is so large that it has this
  ;; address. The optimiser takes it that traps never happen, so it would leave out an `unreachable`, and what leads there.
  (func $trap (export "trap")
    (i32.store (i32.const -1) (i32.const 0)))
)
