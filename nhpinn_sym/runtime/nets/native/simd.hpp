// ======== vectors ========
#ifndef REAL
#define REAL double
#endif
typedef REAL T;

// BYTES: of a vector register; ROWS x VECTORS registers hold the tile of a matrix product; CACHE: bytes that a block of points may fill.
#if defined(__AVX512F__)
constexpr int BYTES = 64, ROWS = 6, VECTORS = 4;
#elif defined(__AVX__)
constexpr int BYTES = 32, ROWS = 4, VECTORS = 3;
#else
constexpr int BYTES = 16, ROWS = 4, VECTORS = 3;
#endif
constexpr int LANES = BYTES / sizeof(T);
constexpr long CACHE = 1 << 18;

typedef T V __attribute__((vector_size(BYTES), may_alias));
typedef std::conditional<sizeof(T) == 8, std::int64_t, std::int32_t>::type Integer;
typedef Integer I __attribute__((vector_size(BYTES), may_alias));

// tanh(x) = e / (e + 2) with e = exp(2 |x|) - 1 = 2^k (exp(r) - 1) + 2^k - 1, |r| <= log(2) / 2; its error is a few units in the last place.
inline V tanh(V x) {
  constexpr bool DOUBLE = sizeof(T) == 8;
  constexpr T LIMIT = DOUBLE ? 40 : 20, MAGIC = DOUBLE ? 6755399441055744.0 : 12582912.0;  // 1.5 * 2^52 or 23: rounds, and bares the integer
  constexpr T LOG2_HIGH = DOUBLE ? 0x1.62e42feep-1 : 0x1.62e4p-1, LOG2_LOW = DOUBLE ? 0x1.a39ef35793c76p-33 : 0x1.7f7d1cf8p-20;
  constexpr int MANTISSA = DOUBLE ? 52 : 23, DEGREE = DOUBLE ? 13 : 7;
  constexpr Integer ONE = DOUBLE ? Integer(0x3ff) << MANTISSA : Integer(0x7f) << MANTISSA;
  constexpr double INVERSE_FACTORIALS[] = {1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880,
                                           1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
  V y = 2 * (x < 0 ? -x : x);
  y = y > LIMIT ? V{} + LIMIT : y;
  const V shifted = y * T(1.4426950408889634) + MAGIC, k = shifted - MAGIC;
  const V r = (y - k * LOG2_HIGH) - k * LOG2_LOW;
  V series = V{} + T(INVERSE_FACTORIALS[DEGREE - 1]);
  for (int n = DEGREE - 2; n >= 0; n--) series = series * r + T(INVERSE_FACTORIALS[n]);
  const V power = (V)(((I)shifted << MANTISSA) + ONE), e = power * (series * r) + (power - 1), t = e / (e + 2);
  return x < 0 ? -t : t;
}
