;; CRC-32C (Castagnoli polynomial P, RFC 3720 appendix B.4). The interface Kernels of the core says what it computes.
;;
;; Long input is shortened before anything is looked up. Modulo P,
;;
;;   x^352 = x^188 + x^179 + x^76 + x^7 + 1,
;;
;; and as the square of a sum is the sum of the squares, the same holds for x^8 in place of x. So a byte is taken away where it is
;; added to the bytes 164, 173, 276, 345 and 352 behind it; what remains of any input are 352 bytes with the same checksum
;; (after Russell, "Chorba: A novel CRC32 implementation", 2024). To what is added to each byte, those before it have been added
;; already, so sixteen results are the sum of sixteen bytes of input and of five vectors of earlier results: no tables, and no
;; chain but over 164 bytes. No multiple of P of this degree has fewer than six terms; that this one's distances are wide lets
;; stores reach the cache before they are read at another alignment.
;;
;; The scratch of an instance, 16 KiB that are zero before its first call:
;;   0      eight tables of 256 remainders, to look up eight bytes at a time (Kounavis and Berry, "Novel Table Lookup-Based
;;          Algorithms for High-Performance CRC Generation", 2008)
;;   8192   the last 352 results
;;   8544   up to 7840 results behind them
(module
  (import "env" "memory" (memory $memory 1))

  ;; Makes the tables: the first bit by bit, each other one with one more byte of zeros.
  (func $crcTables (param $table i32)
    (local $i i32) (local $bits i32) (local $crc i32)
    (loop $byte
      (local.set $crc (local.get $i))
      (local.set $bits (i32.const 8))
      (loop $bit
        (local.set $crc (i32.xor
          (i32.shr_u (local.get $crc) (i32.const 1))
          (i32.and (i32.sub (i32.const 0) (i32.and (local.get $crc) (i32.const 1))) (i32.const 0x82f63b78))))
        (br_if $bit (local.tee $bits (i32.sub (local.get $bits) (i32.const 1)))))
      (i32.store (i32.add (local.get $table) (i32.shl (local.get $i) (i32.const 2))) (local.get $crc))
      (br_if $byte (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 256))))
    (local.set $i (local.get $table))
    (loop $entry
      (local.set $crc (i32.load (local.get $i)))
      (i32.store offset=1024 (local.get $i) (i32.xor
        (i32.shr_u (local.get $crc) (i32.const 8))
        (i32.load (i32.add (local.get $table) (i32.shl (i32.and (local.get $crc) (i32.const 255)) (i32.const 2))))))
      (br_if $entry (i32.ne
        (local.tee $i (i32.add (local.get $i) (i32.const 4)))
        (i32.add (local.get $table) (i32.const 7168))))))

  ;; The remainder behind $bytes more bytes, by the tables.
  (func $look (param $crc i32) (param $at i32) (param $bytes i32) (param $table i32) (result i32)
    (local $end i32) (local $next i32)
    (local.set $end (i32.add (local.get $at) (i32.and (local.get $bytes) (i32.const -8))))
    (block $done (loop $eight
      (br_if $done (i32.eq (local.get $at) (local.get $end)))
      (local.set $crc (i32.xor (local.get $crc) (i32.load offset=0 align=1 (local.get $at))))
      (local.set $next (i32.load offset=4 align=1 (local.get $at)))
      (local.set $crc (i32.xor
        (i32.xor
          (i32.xor
            (i32.load offset=3072 (i32.add (local.get $table) (i32.shl (i32.and (local.get $next) (i32.const 255)) (i32.const 2))))
            (i32.load offset=2048 (i32.add (local.get $table) (i32.and (i32.shr_u (local.get $next) (i32.const 6)) (i32.const 1020)))))
          (i32.xor
            (i32.load offset=1024 (i32.add (local.get $table) (i32.and (i32.shr_u (local.get $next) (i32.const 14)) (i32.const 1020))))
            (i32.load offset=0 (i32.add (local.get $table) (i32.and (i32.shr_u (local.get $next) (i32.const 22)) (i32.const 1020))))))
        (i32.xor
          (i32.xor
            (i32.load offset=7168 (i32.add (local.get $table) (i32.shl (i32.and (local.get $crc) (i32.const 255)) (i32.const 2))))
            (i32.load offset=6144 (i32.add (local.get $table) (i32.and (i32.shr_u (local.get $crc) (i32.const 6)) (i32.const 1020)))))
          (i32.xor
            (i32.load offset=5120 (i32.add (local.get $table) (i32.and (i32.shr_u (local.get $crc) (i32.const 14)) (i32.const 1020))))
            (i32.load offset=4096 (i32.add (local.get $table) (i32.and (i32.shr_u (local.get $crc) (i32.const 22)) (i32.const 1020))))))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br $eight)))
    (local.set $end (i32.add (local.get $at) (i32.and (local.get $bytes) (i32.const 7))))
    (block $done (loop $one
      (br_if $done (i32.eq (local.get $at) (local.get $end)))
      (local.set $crc (i32.xor
        (i32.shr_u (local.get $crc) (i32.const 8))
        (i32.load (i32.add (local.get $table)
          (i32.shl (i32.and (i32.xor (local.get $crc) (i32.load8_u (local.get $at))) (i32.const 255)) (i32.const 2))))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $one)))
    (local.get $crc))

  ;; Adds the earlier results to $bytes bytes, a multiple of 32 and not 0. $results is where the one 352 before the first
  ;; lies; $ahead is how far behind it the sums go.
  (func $shorten (param $at i32) (param $bytes i32) (param $results i32) (param $to i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $at) (local.get $bytes)))
    (loop $more
      (v128.store offset=0 align=1 (local.get $to)
        (v128.xor (v128.xor (v128.xor
          (v128.load offset=0 align=1 (local.get $at))
          (v128.load offset=0 align=1 (local.get $results)))
          (v128.xor (v128.load offset=7 align=1 (local.get $results)) (v128.load offset=76 align=1 (local.get $results))))
          (v128.xor (v128.load offset=179 align=1 (local.get $results)) (v128.load offset=188 align=1 (local.get $results)))))
      (v128.store offset=16 align=1 (local.get $to)
        (v128.xor (v128.xor (v128.xor
          (v128.load offset=16 align=1 (local.get $at))
          (v128.load offset=16 align=1 (local.get $results)))
          (v128.xor (v128.load offset=23 align=1 (local.get $results)) (v128.load offset=92 align=1 (local.get $results))))
          (v128.xor (v128.load offset=195 align=1 (local.get $results)) (v128.load offset=204 align=1 (local.get $results)))))
      (local.set $results (i32.add (local.get $results) (i32.const 32)))
      (local.set $to (i32.add (local.get $to) (i32.const 32)))
      (br_if $more (i32.ne (local.tee $at (i32.add (local.get $at) (i32.const 32))) (local.get $end)))))

  (func $crc32c (export "crc32c") (param $crc i32) (param $at i32) (param $bytes i32) (param $scratch i32) (result i32)
    (local $n i32) (local $results i32)
    (if (i32.eqz (i32.load offset=4 (local.get $scratch))) (then (call $crcTables (local.get $scratch))))
    (local.set $crc (i32.xor (local.get $crc) (i32.const -1)))
    (if (i32.ge_u (local.get $bytes) (i32.const 512)) (then
      (local.set $n (i32.and (local.get $bytes) (i32.const 31)))
      (local.set $crc (call $look (local.get $crc) (local.get $at) (local.get $n) (local.get $scratch)))
      (local.set $at (i32.add (local.get $at) (local.get $n)))
      (local.set $bytes (i32.sub (local.get $bytes) (i32.add (local.get $n) (i32.const 352))))
      (local.set $results (i32.add (local.get $scratch) (i32.const 8192)))
      ;; Zeros lie before the first result, but for the remainder so far, where it is added to the first four bytes only.
      (memory.fill (local.get $results) (i32.const 0) (i32.const 352))
      (i32.store (local.get $results) (local.get $crc))
      (loop $block
        (local.set $n (select (local.get $bytes) (i32.const 7840) (i32.lt_u (local.get $bytes) (i32.const 7840))))
        (call $shorten (local.get $at) (local.get $n) (local.get $results) (i32.add (local.get $results) (i32.const 352)))
        (memory.copy (local.get $results) (i32.add (local.get $results) (local.get $n)) (i32.const 352))
        (local.set $at (i32.add (local.get $at) (local.get $n)))
        (br_if $block (local.tee $bytes (i32.sub (local.get $bytes) (local.get $n)))))
      ;; The last bytes stay, so nothing is added for them: zeros behind. Their sums take the place of results read for the last time.
      (memory.fill (i32.add (local.get $results) (i32.const 352)) (i32.const 0) (i32.const 352))
      (local.set $bytes (i32.const 352))
      (call $shorten (local.get $at) (local.get $bytes) (local.get $results) (local.get $results))
      (local.set $at (local.get $results))
      (local.set $crc (i32.const 0))))
    (i32.xor (call $look (local.get $crc) (local.get $at) (local.get $bytes) (local.get $scratch)) (i32.const -1)))
)
