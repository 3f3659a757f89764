;; Kernels on rows of codes. The interface Kernels of the core says what each computes, to the bit; ScalarKernels is the
;; reference. As in kernels.wat, addresses and lengths are unsigned, rows have no tails, and nothing is fused or relaxed.
;;
;; A prepared query of n codes q takes 4 n + 64 bytes:
;;   0      n signed bytes: the q
;;   n      for $codes4, 64 bytes for each 32 codes: see there
;;   3 n    unused
;;   4 n    what sums begin with, as a vector whose other lanes are 0; it undoes what is added to the codes in rows.
;;          For bytes: -64 times the sum of the q
;;   + 16   For halves of bytes: -8 times it
;;   + 32   For $codes4: -8 times the sum of the q that it multiplies with what is stored
(module
  (import "env" "memory" (memory $memory 1))

  ;; ---- encoding

  ;; What all that encode do with a value, before it is rounded: y = row * factor - center, clamped to 2^52.
  ;; Clamping is for pmin and pmax, one instruction each everywhere, with the limit first.

  ;; The largest magnitude of the y, 0 if it is below 2^-52. Clamping the largest is clamping all.
  (func $largest (param $row i32) (param $factor f32) (param $center i32) (param $floats i32) (result f32)
    (local $end i32) (local $f v128) (local $m v128)
    (local.set $f (f32x4.splat (local.get $factor)))
    (local.set $end (i32.add (local.get $row) (i32.shl (local.get $floats) (i32.const 2))))
    (loop $block
      (local.set $m (f32x4.pmax (local.get $m) (f32x4.pmax
        (f32x4.pmax
          (f32x4.abs (f32x4.sub (f32x4.mul (local.get $f) (v128.load offset=0 (local.get $row))) (v128.load offset=0 (local.get $center))))
          (f32x4.abs (f32x4.sub (f32x4.mul (local.get $f) (v128.load offset=16 (local.get $row))) (v128.load offset=16 (local.get $center)))))
        (f32x4.pmax
          (f32x4.abs (f32x4.sub (f32x4.mul (local.get $f) (v128.load offset=32 (local.get $row))) (v128.load offset=32 (local.get $center))))
          (f32x4.abs (f32x4.sub (f32x4.mul (local.get $f) (v128.load offset=48 (local.get $row))) (v128.load offset=48 (local.get $center))))))))
      (local.set $center (i32.add (local.get $center) (i32.const 64)))
      (br_if $block (i32.lt_u (local.tee $row (i32.add (local.get $row) (i32.const 64))) (local.get $end))))
    (call $bounded (local.get $m)))

  ;; The largest of four magnitudes, at most 2^52, 0 if it is below 2^-52.
  (func $bounded (param $m v128) (result f32)
    (local $max f32)
    (local.set $m (f32x4.pmax (local.get $m)
      (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $m) (local.get $m))))
    (local.set $m (f32x4.pmax (local.get $m)
      (i8x16.shuffle 4 5 6 7 0 1 2 3 4 5 6 7 0 1 2 3 (local.get $m) (local.get $m))))
    (local.set $max (f32x4.extract_lane 0 (f32x4.pmin (v128.const f32x4 0x1p52 0x1p52 0x1p52 0x1p52) (local.get $m))))
    (select (f32.const 0) (local.get $max) (f32.lt (local.get $max) (f32.const 0x1p-52))))

  ;; Writes the codes v of a row: y * inverse, rounded to the nearest, ties to even, clamped to $most. To clamp before
  ;; rounding comes to the same, and spares clamping y. To add 1.5 * 2^23 rounds, and leaves v in the low bits.
  ;; $bias is added to each byte. Where it is 0x88, codes have 4 bits: 16 go to low halves, the next 16 to the high ones.
  ;; Returns the sum of the v squared.
  (func $round (param $row i32) (param $factor f32) (param $center i32) (param $floats i32)
      (param $inverse f32) (param $most f32) (param $codes i32) (param $bias i32) (result i32)
    (local $end i32) (local $high i32) (local $f v128) (local $i v128) (local $least v128) (local $largest v128)
    (local $magic v128) (local $biases v128) (local $a v128) (local $b v128) (local $c v128) (local $d v128) (local $squares v128)
    (local.set $f (f32x4.splat (local.get $factor)))
    (local.set $i (f32x4.splat (local.get $inverse)))
    (local.set $largest (f32x4.splat (local.get $most)))
    (local.set $least (f32x4.neg (local.get $largest)))
    (local.set $magic (v128.const f32x4 0x1.8p23 0x1.8p23 0x1.8p23 0x1.8p23))
    (local.set $biases (i8x16.splat (local.get $bias)))
    (local.set $end (i32.add (local.get $row) (i32.shl (local.get $floats) (i32.const 2))))
    (loop $block
      (local.set $a (i32x4.sub (f32x4.add (local.get $magic) (f32x4.pmin (local.get $largest) (f32x4.pmax (local.get $least) (f32x4.mul (local.get $i)
        (f32x4.sub (f32x4.mul (local.get $f) (v128.load offset=0 (local.get $row))) (v128.load offset=0 (local.get $center))))))) (local.get $magic)))
      (local.set $b (i32x4.sub (f32x4.add (local.get $magic) (f32x4.pmin (local.get $largest) (f32x4.pmax (local.get $least) (f32x4.mul (local.get $i)
        (f32x4.sub (f32x4.mul (local.get $f) (v128.load offset=16 (local.get $row))) (v128.load offset=16 (local.get $center))))))) (local.get $magic)))
      (local.set $c (i32x4.sub (f32x4.add (local.get $magic) (f32x4.pmin (local.get $largest) (f32x4.pmax (local.get $least) (f32x4.mul (local.get $i)
        (f32x4.sub (f32x4.mul (local.get $f) (v128.load offset=32 (local.get $row))) (v128.load offset=32 (local.get $center))))))) (local.get $magic)))
      (local.set $d (i32x4.sub (f32x4.add (local.get $magic) (f32x4.pmin (local.get $largest) (f32x4.pmax (local.get $least) (f32x4.mul (local.get $i)
        (f32x4.sub (f32x4.mul (local.get $f) (v128.load offset=48 (local.get $row))) (v128.load offset=48 (local.get $center))))))) (local.get $magic)))
      (local.set $a (i16x8.narrow_i32x4_s (local.get $a) (local.get $b)))
      (local.set $c (i16x8.narrow_i32x4_s (local.get $c) (local.get $d)))
      (local.set $squares (i32x4.add (local.get $squares) (i32x4.add
        (i32x4.dot_i16x8_s (local.get $a) (local.get $a)) (i32x4.dot_i16x8_s (local.get $c) (local.get $c)))))
      (local.set $a (i8x16.narrow_i16x8_s (local.get $a) (local.get $c)))
      (if (local.get $high)
        (then
          (v128.store (local.get $codes) (i8x16.add (v128.load (local.get $codes)) (i8x16.shl (local.get $a) (i32.const 4))))
          (local.set $high (i32.const 0)))
        (else
          (v128.store (local.get $codes) (i8x16.add (local.get $biases) (local.get $a)))
          (local.set $high (i32.eq (local.get $bias) (i32.const 0x88)))))
      (if (i32.eqz (local.get $high)) (then (local.set $codes (i32.add (local.get $codes) (i32.const 16)))))
      (local.set $center (i32.add (local.get $center) (i32.const 64)))
      (br_if $block (i32.lt_u (local.tee $row (i32.add (local.get $row) (i32.const 64))) (local.get $end))))
    ;; What rounds an odd number of sixteens up is zero; high halves are by now.
    (if (i32.and (i32.shr_u (local.get $floats) (i32.const 4)) (i32.ne (local.get $bias) (i32.const 0x88)))
      (then (v128.store (local.get $codes) (local.get $biases))))
    (call $isum (local.get $squares)))

  ;; Encodes with one byte a value; writes scale and sum of squares.
  (func $encodeBytes (param $row i32) (param $factor f32) (param $center i32) (param $floats i32)
      (param $codes i32) (param $out i32) (param $most f32) (param $bias i32)
    (local $max f32)
    (local.set $max (call $largest (local.get $row) (local.get $factor) (local.get $center) (local.get $floats)))
    (f32.store (local.get $out) (f32.div (local.get $max) (local.get $most)))
    (i32.store offset=4 (local.get $out) (call $round
      (local.get $row) (local.get $factor) (local.get $center) (local.get $floats)
      (select (f32.div (local.get $most) (local.get $max)) (f32.const 0) (f32.gt (local.get $max) (f32.const 0)))
      (local.get $most) (local.get $codes) (local.get $bias))))

  (func $encode (export "encode") (param $row i32) (param $factor f32) (param $center i32) (param $floats i32) (param $codes i32) (param $out i32)
    (call $encodeBytes (local.get $row) (local.get $factor) (local.get $center) (local.get $floats) (local.get $codes) (local.get $out)
      (f32.const 63) (i32.const 64)))

  ;; The sum of squares and the errors are chains of additions, whose latency hides all else.
  (func $encode4 (export "encode4") (param $row i32) (param $factor f32) (param $center i32) (param $floats i32) (param $dimensions i32) (param $codes i32) (param $out i32)
    (local $p i32) (local $c i32) (local $end i32) (local $max f32) (local $clipped f32)
    (local $f v128) (local $range v128) (local $y v128) (local $d v128) (local $m v128) (local $s v128) (local $t v128)
    (local $seven v128) (local $magic v128) (local $scale v128) (local $inverse v128) (local $scale2 v128) (local $inverse2 v128)
    (local.set $f (f32x4.splat (local.get $factor)))
    (local.set $range (v128.const f32x4 0x1p52 0x1p52 0x1p52 0x1p52))
    (local.set $end (i32.add (local.get $row) (i32.shl (local.get $floats) (i32.const 2))))
    (local.set $p (local.get $row))
    (local.set $c (local.get $center))
    (loop $four
      (local.set $y (f32x4.pmin (local.get $range)
        (f32x4.abs (f32x4.sub (f32x4.mul (local.get $f) (v128.load (local.get $p))) (v128.load (local.get $c))))))
      (local.set $m (f32x4.pmax (local.get $m) (local.get $y)))
      (local.set $s (f32x4.add (local.get $s) (f32x4.mul (local.get $y) (local.get $y))))
      (local.set $c (i32.add (local.get $c) (i32.const 16)))
      (br_if $four (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 16))) (local.get $end))))
    (local.set $max (call $bounded (local.get $m)))
    (local.set $clipped (f32.mul (f32.const 2.7) (f32.sqrt (f32.div (call $sum4 (local.get $s)) (f32.convert_i32_s (local.get $dimensions))))))
    (if (f32.lt (local.get $clipped) (local.get $max)) (then
      (local.set $seven (v128.const f32x4 7 7 7 7))
      (local.set $magic (v128.const f32x4 0x1.8p23 0x1.8p23 0x1.8p23 0x1.8p23))
      (local.set $inverse (f32x4.div (local.get $seven) (f32x4.splat (local.get $clipped))))
      (local.set $scale (f32x4.div (f32x4.splat (local.get $clipped)) (local.get $seven)))
      (local.set $inverse2 (f32x4.div (local.get $seven) (f32x4.splat (local.get $max))))
      (local.set $scale2 (f32x4.div (f32x4.splat (local.get $max)) (local.get $seven)))
      (local.set $s (v128.const i32x4 0 0 0 0))
      (local.set $p (local.get $row))
      (local.set $c (local.get $center))
      ;; Errors of magnitudes: signs do not change them.
      (loop $four
        (local.set $y (f32x4.pmin (local.get $range)
          (f32x4.abs (f32x4.sub (f32x4.mul (local.get $f) (v128.load (local.get $p))) (v128.load (local.get $c))))))
        (local.set $d (f32x4.sub (local.get $y) (f32x4.mul (local.get $scale) (f32x4.sub (f32x4.add (local.get $magic)
          (f32x4.pmin (local.get $seven) (f32x4.mul (local.get $y) (local.get $inverse)))) (local.get $magic)))))
        (local.set $s (f32x4.add (local.get $s) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $d (f32x4.sub (local.get $y) (f32x4.mul (local.get $scale2) (f32x4.sub (f32x4.add (local.get $magic)
          (f32x4.pmin (local.get $seven) (f32x4.mul (local.get $y) (local.get $inverse2)))) (local.get $magic)))))
        (local.set $t (f32x4.add (local.get $t) (f32x4.mul (local.get $d) (local.get $d))))
        (local.set $c (i32.add (local.get $c) (i32.const 16)))
        (br_if $four (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 16))) (local.get $end))))
      (if (f32.lt (call $sum4 (local.get $s)) (call $sum4 (local.get $t))) (then (local.set $max (local.get $clipped))))))
    (f32.store (local.get $out) (f32.div (local.get $max) (f32.const 7)))
    (i32.store offset=4 (local.get $out) (call $round
      (local.get $row) (local.get $factor) (local.get $center) (local.get $floats)
      (select (f32.div (f32.const 7) (local.get $max)) (f32.const 0) (f32.gt (local.get $max) (f32.const 0)))
      (f32.const 7) (local.get $codes) (i32.const 0x88))))

  (func $sum4 (param $s v128) (result f32)
    (f32.add
      (f32.add (f32x4.extract_lane 0 (local.get $s)) (f32x4.extract_lane 2 (local.get $s)))
      (f32.add (f32x4.extract_lane 1 (local.get $s)) (f32x4.extract_lane 3 (local.get $s)))))

  ;; ---- queries

  (func $encodeQuery (export "encodeQuery") (param $row i32) (param $factor f32) (param $center i32) (param $floats i32) (param $query i32) (param $out i32)
    (call $encodeBytes (local.get $row) (local.get $factor) (local.get $center) (local.get $floats) (local.get $query) (local.get $out)
      (f32.const 127) (i32.const 0))
    (call $prepare (local.get $query) (i32.and (i32.add (local.get $floats) (i32.const 31)) (i32.const -32))))

  (func $queryOfCodes (export "queryOfCodes") (param $row i32) (param $codes i32) (param $query i32)
    (local $p i32) (local $end i32)
    (local.set $p (local.get $query))
    (local.set $end (i32.add (local.get $query) (local.get $codes)))
    (loop $block
      (v128.store (local.get $p) (i8x16.sub (v128.load (local.get $row)) (v128.const i8x16 64 64 64 64 64 64 64 64 64 64 64 64 64 64 64 64)))
      (local.set $row (i32.add (local.get $row) (i32.const 16)))
      (br_if $block (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 16))) (local.get $end))))
    (call $prepare (local.get $query) (local.get $codes)))

  (func $queryOfCodes4 (export "queryOfCodes4") (param $row i32) (param $codes i32) (param $query i32)
    (local $p i32) (local $end i32) (local $x v128) (local $fifteen v128) (local $eight v128)
    (local.set $fifteen (v128.const i8x16 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15))
    (local.set $eight (v128.const i8x16 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8))
    (local.set $p (local.get $query))
    (local.set $end (i32.add (local.get $query) (local.get $codes)))
    (loop $block
      (local.set $x (v128.load (local.get $row)))
      (v128.store (local.get $p) (i8x16.sub (v128.and (local.get $x) (local.get $fifteen)) (local.get $eight)))
      (v128.store offset=16 (local.get $p) (i8x16.sub (i8x16.shr_u (local.get $x) (i32.const 4)) (local.get $eight)))
      (local.set $row (i32.add (local.get $row) (i32.const 16)))
      (br_if $block (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 32))) (local.get $end))))
    (call $prepare (local.get $query) (local.get $codes)))

  ;; Makes of a query's codes all else that a prepared query holds.
  (func $prepare (param $query i32) (param $codes i32)
    (local $p i32) (local $end i32) (local $q0 v128) (local $q1 v128) (local $q2 v128) (local $q3 v128) (local $s v128) (local $t v128)
    (local $sum i32)
    (local.set $end (i32.add (local.get $query) (local.get $codes)))
    (local.set $p (local.get $end))
    (loop $block
      (local.set $q2 (v128.load (local.get $query)))
      (local.set $q0 (i16x8.shr_s (i16x8.shl (local.get $q2) (i32.const 8)) (i32.const 8)))
      (local.set $q2 (i16x8.shr_s (local.get $q2) (i32.const 8)))
      (local.set $q3 (v128.load offset=16 (local.get $query)))
      (local.set $q1 (i16x8.shr_s (i16x8.shl (local.get $q3) (i32.const 8)) (i32.const 8)))
      (local.set $q3 (i16x8.shr_s (local.get $q3) (i32.const 8)))
      (v128.store (local.get $p) (local.get $q0))
      (v128.store offset=16 (local.get $p) (i16x8.sub (local.get $q1) (i16x8.shl (local.get $q0) (i32.const 4))))
      (v128.store offset=32 (local.get $p) (i16x8.sub (local.get $q2) (i16x8.shl (local.get $q1) (i32.const 4))))
      (v128.store offset=48 (local.get $p) (i16x8.sub (local.get $q3) (i16x8.shl (local.get $q2) (i32.const 4))))
      (local.set $s (i32x4.add (local.get $s) (i32x4.extadd_pairwise_i16x8_s
        (i16x8.add (local.get $q0) (i16x8.add (local.get $q1) (local.get $q2))))))
      (local.set $t (i32x4.add (local.get $t) (i32x4.extadd_pairwise_i16x8_s (local.get $q3))))
      (local.set $p (i32.add (local.get $p) (i32.const 64)))
      (br_if $block (i32.lt_u (local.tee $query (i32.add (local.get $query) (i32.const 32))) (local.get $end))))
    (local.set $p (i32.add (local.get $p) (local.get $codes)))
    (local.set $sum (i32.mul (i32.const -8) (call $isum (local.get $s))))
    (v128.store offset=32 (local.get $p) (i32x4.replace_lane 0 (v128.const i32x4 0 0 0 0) (local.get $sum)))
    (local.set $sum (i32.add (local.get $sum) (i32.mul (i32.const -8) (call $isum (local.get $t)))))
    (v128.store offset=16 (local.get $p) (i32x4.replace_lane 0 (v128.const i32x4 0 0 0 0) (local.get $sum)))
    (v128.store (local.get $p) (i32x4.replace_lane 0 (v128.const i32x4 0 0 0 0) (i32.shl (local.get $sum) (i32.const 3)))))

  ;; ---- one query with many rows: four at a time, then one

  ;; Kernels that others may take the place of: whoever instantiates the module may set the table's entries.
  (type $batch (func (param i32 i32 i32 i32 i32)))
  (table $kernels (export "kernels") 2 2 (ref null $batch))
  (elem (table $kernels) (i32.const 0) (ref null $batch) (ref.func $codes8) (ref.func $codes4))

  (func $callCodes8 (export "codeDotBatch") (param $query i32) (param $rows i32) (param $n i32) (param $codes i32) (param $out i32)
    (call_indirect $kernels (type $batch)
      (local.get $query) (local.get $rows) (local.get $n) (local.get $codes) (local.get $out) (i32.const 0)))

  (func $callCodes4 (export "codeDotBatch4") (param $query i32) (param $rows i32) (param $n i32) (param $codes i32) (param $out i32)
    (call_indirect $kernels (type $batch)
      (local.get $query) (local.get $rows) (local.get $n) (local.get $codes) (local.get $out) (i32.const 1)))

  ;; Reads of up to 32 rows of $bytes bytes each cache line, so that all that are far away are on their way at once: search
  ;; is bound by these misses. Returns the end of the list of these rows. What it reads goes to $out, lest it be left out.
  (func $touch (param $rows i32) (param $n i32) (param $bytes i32) (param $out i32) (result i32)
    (local $p i32) (local $end i32) (local $sum i32)
    (local.set $n (i32.add (local.get $rows) (i32.shl (select (i32.const 32) (local.get $n) (i32.gt_u (local.get $n) (i32.const 32))) (i32.const 2))))
    (loop $row
      (local.set $p (i32.load (local.get $rows)))
      (local.set $end (i32.add (local.get $p) (local.get $bytes)))
      (loop $line
        (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $p))))
        (br_if $line (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 64))) (local.get $end))))
      (local.set $sum (i32.add (local.get $sum) (i32.load (i32.sub (local.get $end) (i32.const 4)))))
      (br_if $row (i32.lt_u (local.tee $rows (i32.add (local.get $rows) (i32.const 4))) (local.get $n))))
    (i32.store (local.get $out) (local.get $sum))
    (local.get $n))

  (func $isum (param $s v128) (result i32)
    (i32.add
      (i32.add (i32x4.extract_lane 0 (local.get $s)) (i32x4.extract_lane 2 (local.get $s)))
      (i32.add (i32x4.extract_lane 1 (local.get $s)) (i32x4.extract_lane 3 (local.get $s)))))

  ;; Four sums.
  (func $isums (param $a v128) (param $b v128) (param $c v128) (param $d v128) (result v128)
    (local.set $a (i32x4.add
      (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 (local.get $a) (local.get $b))
      (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 (local.get $a) (local.get $b))))
    (local.set $c (i32x4.add
      (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 (local.get $c) (local.get $d))
      (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 (local.get $c) (local.get $d))))
    (i32x4.add
      (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (local.get $a) (local.get $c))
      (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31 (local.get $a) (local.get $c))))

  ;; Rows of bytes. Of eight pairs of bytes, x = n0 + 256 n1 is positive, as the n (what is stored: v + 64) have 7 bits. So
  ;; n0 = x - 256 (x >> 8), n1 = x >> 8, and the sum of the q n is q0 x + (q1 - 256 q0) (x >> 8): no bytes need be widened.
  (func $codes8 (type $batch) (param $query i32) (param $rows i32) (param $n i32) (param $codes i32) (param $out i32)
    (local $p i32) (local $start i32) (local $end i32) (local $touched i32) (local $first v128) (local $x v128) (local $q0 v128) (local $q1 v128)
    (local $r0 i32) (local $r1 i32) (local $r2 i32) (local $r3 i32) (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128)
    (local.set $start (local.get $query))
    (local.set $end (i32.add (local.get $query) (local.get $codes)))
    (local.set $first (v128.load (i32.add (local.get $query) (i32.shl (local.get $codes) (i32.const 2)))))
    (local.set $touched (local.get $rows))
    (block $rest (loop $fours
      (br_if $rest (i32.eqz (local.get $n)))
      (if (i32.eq (local.get $rows) (local.get $touched)) (then
        (local.set $touched (call $touch (local.get $rows) (local.get $n) (local.get $codes) (local.get $out)))))
      (br_if $rest (i32.lt_u (local.get $n) (i32.const 4)))
      (local.set $p (local.get $start))
      (local.set $r0 (i32.load (local.get $rows))) (local.set $s0 (local.get $first))
      (local.set $r1 (i32.load offset=4 (local.get $rows))) (local.set $s1 (local.get $first))
      (local.set $r2 (i32.load offset=8 (local.get $rows))) (local.set $s2 (local.get $first))
      (local.set $r3 (i32.load offset=12 (local.get $rows))) (local.set $s3 (local.get $first))
      (loop $four
        (local.set $x (v128.load (local.get $p)))
        (local.set $q1 (i16x8.shl (local.get $x) (i32.const 8)))
        (local.set $q0 (i16x8.shr_s (local.get $q1) (i32.const 8)))
        (local.set $q1 (i16x8.sub (i16x8.shr_s (local.get $x) (i32.const 8)) (local.get $q1)))
        (local.set $x (v128.load (local.get $r0)))
        (local.set $s0 (i32x4.add (i32x4.add (local.get $s0)
          (i32x4.dot_i16x8_s (local.get $q0) (local.get $x)))
          (i32x4.dot_i16x8_s (local.get $q1) (i16x8.shr_u (local.get $x) (i32.const 8)))))
        (local.set $x (v128.load (local.get $r1)))
        (local.set $s1 (i32x4.add (i32x4.add (local.get $s1)
          (i32x4.dot_i16x8_s (local.get $q0) (local.get $x)))
          (i32x4.dot_i16x8_s (local.get $q1) (i16x8.shr_u (local.get $x) (i32.const 8)))))
        (local.set $x (v128.load (local.get $r2)))
        (local.set $s2 (i32x4.add (i32x4.add (local.get $s2)
          (i32x4.dot_i16x8_s (local.get $q0) (local.get $x)))
          (i32x4.dot_i16x8_s (local.get $q1) (i16x8.shr_u (local.get $x) (i32.const 8)))))
        (local.set $x (v128.load (local.get $r3)))
        (local.set $s3 (i32x4.add (i32x4.add (local.get $s3)
          (i32x4.dot_i16x8_s (local.get $q0) (local.get $x)))
          (i32x4.dot_i16x8_s (local.get $q1) (i16x8.shr_u (local.get $x) (i32.const 8)))))
        (local.set $x (v128.load offset=16 (local.get $p)))
        (local.set $q1 (i16x8.shl (local.get $x) (i32.const 8)))
        (local.set $q0 (i16x8.shr_s (local.get $q1) (i32.const 8)))
        (local.set $q1 (i16x8.sub (i16x8.shr_s (local.get $x) (i32.const 8)) (local.get $q1)))
        (local.set $x (v128.load offset=16 (local.get $r0)))
        (local.set $s0 (i32x4.add (i32x4.add (local.get $s0)
          (i32x4.dot_i16x8_s (local.get $q0) (local.get $x)))
          (i32x4.dot_i16x8_s (local.get $q1) (i16x8.shr_u (local.get $x) (i32.const 8)))))
        (local.set $x (v128.load offset=16 (local.get $r1)))
        (local.set $s1 (i32x4.add (i32x4.add (local.get $s1)
          (i32x4.dot_i16x8_s (local.get $q0) (local.get $x)))
          (i32x4.dot_i16x8_s (local.get $q1) (i16x8.shr_u (local.get $x) (i32.const 8)))))
        (local.set $x (v128.load offset=16 (local.get $r2)))
        (local.set $s2 (i32x4.add (i32x4.add (local.get $s2)
          (i32x4.dot_i16x8_s (local.get $q0) (local.get $x)))
          (i32x4.dot_i16x8_s (local.get $q1) (i16x8.shr_u (local.get $x) (i32.const 8)))))
        (local.set $x (v128.load offset=16 (local.get $r3)))
        (local.set $s3 (i32x4.add (i32x4.add (local.get $s3)
          (i32x4.dot_i16x8_s (local.get $q0) (local.get $x)))
          (i32x4.dot_i16x8_s (local.get $q1) (i16x8.shr_u (local.get $x) (i32.const 8)))))
        (local.set $r0 (i32.add (local.get $r0) (i32.const 32)))
        (local.set $r1 (i32.add (local.get $r1) (i32.const 32)))
        (local.set $r2 (i32.add (local.get $r2) (i32.const 32)))
        (local.set $r3 (i32.add (local.get $r3) (i32.const 32)))
        (br_if $four (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 32))) (local.get $end))))
      (v128.store (local.get $out) (call $isums (local.get $s0) (local.get $s1) (local.get $s2) (local.get $s3)))
      (local.set $rows (i32.add (local.get $rows) (i32.const 16)))
      (local.set $out (i32.add (local.get $out) (i32.const 16)))
      (local.set $n (i32.sub (local.get $n) (i32.const 4)))
      (br $fours)))
    (block $done (loop $one
      (br_if $done (i32.eqz (local.get $n)))
      (local.set $p (local.get $start))
      (local.set $r0 (i32.load (local.get $rows))) (local.set $s0 (local.get $first))
      (loop $block
        (local.set $x (v128.load (local.get $p)))
        (local.set $q1 (i16x8.shl (local.get $x) (i32.const 8)))
        (local.set $q0 (i16x8.shr_s (local.get $q1) (i32.const 8)))
        (local.set $q1 (i16x8.sub (i16x8.shr_s (local.get $x) (i32.const 8)) (local.get $q1)))
        (local.set $x (v128.load (local.get $r0)))
        (local.set $s0 (i32x4.add (i32x4.add (local.get $s0)
          (i32x4.dot_i16x8_s (local.get $q0) (local.get $x)))
          (i32x4.dot_i16x8_s (local.get $q1) (i16x8.shr_u (local.get $x) (i32.const 8)))))
        (local.set $x (v128.load offset=16 (local.get $p)))
        (local.set $q1 (i16x8.shl (local.get $x) (i32.const 8)))
        (local.set $q0 (i16x8.shr_s (local.get $q1) (i32.const 8)))
        (local.set $q1 (i16x8.sub (i16x8.shr_s (local.get $x) (i32.const 8)) (local.get $q1)))
        (local.set $x (v128.load offset=16 (local.get $r0)))
        (local.set $s0 (i32x4.add (i32x4.add (local.get $s0)
          (i32x4.dot_i16x8_s (local.get $q0) (local.get $x)))
          (i32x4.dot_i16x8_s (local.get $q1) (i16x8.shr_u (local.get $x) (i32.const 8)))))
        (local.set $r0 (i32.add (local.get $r0) (i32.const 32)))
        (br_if $block (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 32))) (local.get $end))))
      (i32.store (local.get $out) (call $isum (local.get $s0)))
      (local.set $rows (i32.add (local.get $rows) (i32.const 4)))
      (local.set $out (i32.add (local.get $out) (i32.const 4)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br $one))))

  ;; Rows of halves of bytes, likewise: x = n0 + 16 n1 + 256 n2 + 4096 n3, where the n are v + 8; with the topmost bit turned,
  ;; n3 is v itself and x has its sign. So n0 = x - 16 (x >> 4), n1 = (x >> 4) - 16 (x >> 8),
  ;; n2 = (x >> 8) - 16 (x >> 12) and n3 = x >> 12, and the sum of the q n is
  ;;   q0 x + (q1 - 16 q0) (x >> 4) + (q2 - 16 q1) (x >> 8) + (q3 - 16 q2) (x >> 12)
  ;; whose factors the prepared query holds. Sums that overflow on the way come right at the end.
  (func $codes4 (type $batch) (param $query i32) (param $rows i32) (param $n i32) (param $codes i32) (param $out i32)
    (local $p i32) (local $start i32) (local $end i32) (local $touched i32) (local $first v128) (local $x v128) (local $signs v128)
    (local $q0 v128) (local $q1 v128) (local $q2 v128) (local $q3 v128)
    (local $r0 i32) (local $r1 i32) (local $r2 i32) (local $r3 i32) (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128)
    (local.set $signs (v128.const i16x8 0x8000 0x8000 0x8000 0x8000 0x8000 0x8000 0x8000 0x8000))
    (local.set $start (i32.add (local.get $query) (local.get $codes)))
    (local.set $end (i32.add (local.get $start) (i32.shl (local.get $codes) (i32.const 1))))
    (local.set $first (v128.load offset=32 (i32.add (local.get $query) (i32.shl (local.get $codes) (i32.const 2)))))
    (local.set $touched (local.get $rows))
    (block $rest (loop $fours
      (br_if $rest (i32.eqz (local.get $n)))
      (if (i32.eq (local.get $rows) (local.get $touched)) (then
        (local.set $touched (call $touch (local.get $rows) (local.get $n) (i32.shr_u (local.get $codes) (i32.const 1)) (local.get $out)))))
      (br_if $rest (i32.lt_u (local.get $n) (i32.const 4)))
      (local.set $p (local.get $start))
      (local.set $r0 (i32.load (local.get $rows))) (local.set $s0 (local.get $first))
      (local.set $r1 (i32.load offset=4 (local.get $rows))) (local.set $s1 (local.get $first))
      (local.set $r2 (i32.load offset=8 (local.get $rows))) (local.set $s2 (local.get $first))
      (local.set $r3 (i32.load offset=12 (local.get $rows))) (local.set $s3 (local.get $first))
      (loop $four
        (local.set $q0 (v128.load offset=0 (local.get $p)))
        (local.set $q1 (v128.load offset=16 (local.get $p)))
        (local.set $q2 (v128.load offset=32 (local.get $p)))
        (local.set $q3 (v128.load offset=48 (local.get $p)))
        (local.set $x (v128.xor (v128.load (local.get $r0)) (local.get $signs)))
        (local.set $s0 (i32x4.add
          (i32x4.add (i32x4.add (local.get $s0) (i32x4.dot_i16x8_s (local.get $q0) (local.get $x)))
            (i32x4.dot_i16x8_s (local.get $q1) (i16x8.shr_s (local.get $x) (i32.const 4))))
          (i32x4.add (i32x4.dot_i16x8_s (local.get $q2) (i16x8.shr_s (local.get $x) (i32.const 8)))
            (i32x4.dot_i16x8_s (local.get $q3) (i16x8.shr_s (local.get $x) (i32.const 12))))))
        (local.set $x (v128.xor (v128.load (local.get $r1)) (local.get $signs)))
        (local.set $s1 (i32x4.add
          (i32x4.add (i32x4.add (local.get $s1) (i32x4.dot_i16x8_s (local.get $q0) (local.get $x)))
            (i32x4.dot_i16x8_s (local.get $q1) (i16x8.shr_s (local.get $x) (i32.const 4))))
          (i32x4.add (i32x4.dot_i16x8_s (local.get $q2) (i16x8.shr_s (local.get $x) (i32.const 8)))
            (i32x4.dot_i16x8_s (local.get $q3) (i16x8.shr_s (local.get $x) (i32.const 12))))))
        (local.set $x (v128.xor (v128.load (local.get $r2)) (local.get $signs)))
        (local.set $s2 (i32x4.add
          (i32x4.add (i32x4.add (local.get $s2) (i32x4.dot_i16x8_s (local.get $q0) (local.get $x)))
            (i32x4.dot_i16x8_s (local.get $q1) (i16x8.shr_s (local.get $x) (i32.const 4))))
          (i32x4.add (i32x4.dot_i16x8_s (local.get $q2) (i16x8.shr_s (local.get $x) (i32.const 8)))
            (i32x4.dot_i16x8_s (local.get $q3) (i16x8.shr_s (local.get $x) (i32.const 12))))))
        (local.set $x (v128.xor (v128.load (local.get $r3)) (local.get $signs)))
        (local.set $s3 (i32x4.add
          (i32x4.add (i32x4.add (local.get $s3) (i32x4.dot_i16x8_s (local.get $q0) (local.get $x)))
            (i32x4.dot_i16x8_s (local.get $q1) (i16x8.shr_s (local.get $x) (i32.const 4))))
          (i32x4.add (i32x4.dot_i16x8_s (local.get $q2) (i16x8.shr_s (local.get $x) (i32.const 8)))
            (i32x4.dot_i16x8_s (local.get $q3) (i16x8.shr_s (local.get $x) (i32.const 12))))))
        (local.set $r0 (i32.add (local.get $r0) (i32.const 16)))
        (local.set $r1 (i32.add (local.get $r1) (i32.const 16)))
        (local.set $r2 (i32.add (local.get $r2) (i32.const 16)))
        (local.set $r3 (i32.add (local.get $r3) (i32.const 16)))
        (br_if $four (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 64))) (local.get $end))))
      (v128.store (local.get $out) (call $isums (local.get $s0) (local.get $s1) (local.get $s2) (local.get $s3)))
      (local.set $rows (i32.add (local.get $rows) (i32.const 16)))
      (local.set $out (i32.add (local.get $out) (i32.const 16)))
      (local.set $n (i32.sub (local.get $n) (i32.const 4)))
      (br $fours)))
    (block $done (loop $one
      (br_if $done (i32.eqz (local.get $n)))
      (local.set $p (local.get $start))
      (local.set $r0 (i32.load (local.get $rows))) (local.set $s0 (local.get $first))
      (loop $block
        (local.set $q0 (v128.load offset=0 (local.get $p)))
        (local.set $q1 (v128.load offset=16 (local.get $p)))
        (local.set $q2 (v128.load offset=32 (local.get $p)))
        (local.set $q3 (v128.load offset=48 (local.get $p)))
        (local.set $x (v128.xor (v128.load (local.get $r0)) (local.get $signs)))
        (local.set $s0 (i32x4.add
          (i32x4.add (i32x4.add (local.get $s0) (i32x4.dot_i16x8_s (local.get $q0) (local.get $x)))
            (i32x4.dot_i16x8_s (local.get $q1) (i16x8.shr_s (local.get $x) (i32.const 4))))
          (i32x4.add (i32x4.dot_i16x8_s (local.get $q2) (i16x8.shr_s (local.get $x) (i32.const 8)))
            (i32x4.dot_i16x8_s (local.get $q3) (i16x8.shr_s (local.get $x) (i32.const 12))))))
        (local.set $r0 (i32.add (local.get $r0) (i32.const 16)))
        (br_if $block (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 64))) (local.get $end))))
      (i32.store (local.get $out) (call $isum (local.get $s0)))
      (local.set $rows (i32.add (local.get $rows) (i32.const 4)))
      (local.set $out (i32.add (local.get $out) (i32.const 4)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br $one))))
)
