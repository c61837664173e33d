// ======== the net ========
// A block of points is sent through all layers and back while its jets are in the cache. The matrix of a jet has a row for each stream and
// point, stream by stream, and a column for each unit; columns are padded with zeros to a multiple of LANES.

inline long padded(long units) { return (units + LANES - 1) / LANES * LANES; }

// c (+)= a b for `rows` rows of c and LANES * N of its columns; entry (i, k) of a stands at a[i * down + k * right].
template <int M, int N> inline void tile(long depth, const T* a, long down, long right, const T* b, T* c, long width, bool add) {
  V sum[M][N];
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) sum[i][j] = add ? *(const V*)(c + i * width + j * LANES) : V{};
  for (long k = 0; k < depth; k++) {
    V row[N];
    for (int j = 0; j < N; j++) row[j] = *(const V*)(b + k * width + j * LANES);
    for (int i = 0; i < M; i++) {
      const T factor = a[i * down + k * right];
      for (int j = 0; j < N; j++) sum[i][j] += factor * row[j];
    }
  }
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) *(V*)(c + i * width + j * LANES) = sum[i][j];
}

template <int N> void strip(long rows, long depth, const T* a, long down, long right, const T* b, T* c, long width, bool add) {
  long i = 0;
  for (; i + ROWS <= rows; i += ROWS) tile<ROWS, N>(depth, a + i * down, down, right, b, c + i * width, width, add);
  for (; i + 2 <= rows; i += 2) tile<2, N>(depth, a + i * down, down, right, b, c + i * width, width, add);
  if (i < rows) tile<1, N>(depth, a + i * down, down, right, b, c + i * width, width, add);
}

void product(long rows, long depth, const T* a, long down, long right, const T* b, T* c, long width, bool add) {
  for (long j = 0; j < width; j += VECTORS * LANES) switch (std::min<long>(VECTORS, (width - j) / LANES)) {
    case 1: strip<1>(rows, depth, a, down, right, b + j, c + j, width, add); break;
    case 2: strip<2>(rows, depth, a, down, right, b + j, c + j, width, add); break;
    case 3: strip<3>(rows, depth, a, down, right, b + j, c + j, width, add); break;
    default: strip<VECTORS>(rows, depth, a, down, right, b + j, c + j, width, add);
  }
}

// Aligned scratch memory, all zero.
struct Array {
  std::vector<T> held;
  T* data;
  explicit Array(long size = 0) : held(size + LANES) {
    data = (T*)(((std::uintptr_t)held.data() + BYTES - 1) / BYTES * BYTES);
  }
  Array(Array&&) = default;  // the memory moves with its vector, and is never copied
  Array& operator=(Array&&) = default;
};

struct Layer {
  long in, out, left, wide, offset;  // left, wide: the padded numbers of inputs and outputs; offset: of the weights among all parameters
  Array bias, forward, backward, z, h, d, weight_gradient, bias_gradient;

  Layer(const T* x, long offset, long in, long out, long block)
      : in(in), out(out), left(padded(in)), wide(padded(out)), offset(offset), bias(wide), forward(in * wide), backward(out * left),
        z(block * STREAMS * wide), h(block * STREAMS * wide), d(block * STREAMS * wide), weight_gradient(in * wide), bias_gradient(wide) {
    for (long o = 0; o < out; o++) {
      bias.data[o] = x[offset + in * out + o];
      for (long i = 0; i < in; i++) forward.data[i * wide + o] = backward.data[o * left + i] = x[offset + o * in + i];
    }
  }
};

struct Pass {
  long equations, components, known, block, hidden = 0, coefficients, parameters;  // hidden, coefficients: offsets of what follows the hidden layers
  std::vector<Layer> layers;
  Array first, last, outputs;  // the inputs, the weights (components, units) of the last layer, and its outputs at one point
  const T *bias, *amplitudes;  // of the last layer and of the known functions

  Pass(long depth, const long* sizes, long equations, long components, long known, const T* x)
      : equations(equations), components(components), known(known) {
    long widest = 0;
    for (long l = 0; l <= depth; l++) widest = std::max(widest, padded(sizes[l]));
    block = std::max<long>(ROWS, CACHE / (long)(3 * sizeof(T) * STREAMS * widest * depth) / ROWS * ROWS);
    for (long l = 0; l < depth; l++) {
      layers.emplace_back(x, hidden, sizes[l], sizes[l + 1], block);
      hidden += sizes[l + 1] * (sizes[l] + 1);
    }
    const Layer& end = layers.back();
    bias = x + hidden + components * end.out, amplitudes = bias + components;
    coefficients = hidden + components * (end.out + 1), parameters = coefficients + known;
    first = Array(block * STREAMS * sizes[0]), last = Array(components * end.wide), outputs = Array(STREAMS * components);
    for (long c = 0; c < components; c++) std::memcpy(last.data + c * end.wide, x + hidden + c * end.out, end.out * sizeof(T));
  }

  // The jets of all layers at points begin, ..., begin + count - 1.
  void forward(const T* inputs, long points, long begin, long count, const T* weights) {
    const T* before = first.data;
    long left = layers[0].in;
    for (int s = 0; s < STREAMS; s++)
      std::memcpy(first.data + s * count * left, inputs + (s * points + begin) * left, count * left * sizeof(T));
    for (Layer& layer : layers) {
      product(STREAMS * count, layer.in, before, left, 1, layer.forward.data, layer.z.data, layer.wide, false);
      const long stride = count * layer.wide;
      for (long n = 0; n < count; n++)
        for (long j = 0; j < layer.wide; j += LANES) {
          V z[STREAMS], h[STREAMS];
          for (int s = 0; s < STREAMS; s++) z[s] = *(const V*)(layer.z.data + s * stride + n * layer.wide + j);
          z[0] += *(const V*)(layer.bias.data + j);
          tanh_jet(z, h, weights + n * DERIVATIVES);
          for (int s = 0; s < STREAMS; s++) *(V*)(layer.h.data + s * stride + n * layer.wide + j) = h[s];
        }
      before = layer.h.data, left = layer.wide;
    }
  }

  // The residuals (equations) of point n of the block, and the factors of the streams of the outputs in them, (equations, components, STREAMS).
  void residual(long n, long count, const T* weights, const T* extra, const T* target, T* out, T* factors) {
    const long wide = layers.back().wide;
    for (int s = 0; s < STREAMS; s++)
      for (long c = 0; c < components; c++) {
        const T* h = layers.back().h.data + (s * count + n) * wide;
        V sum = {};
        for (long j = 0; j < wide; j += LANES) sum += *(const V*)(h + j) * *(const V*)(last.data + c * wide + j);
        T output = s ? 0 : bias[c];
        for (int j = 0; j < LANES; j++) output += sum[j];
        outputs.data[c * STREAMS + s] = output;
      }
    for (long e = 0; e < equations; e++) {
      T sum = -target[e];
      for (long k = 0; k < known; k++) sum += extra[e * known + k] * amplitudes[k];
      for (long c = 0; c < components; c++)
        for (int s = 0; s < STREAMS; s++) {
          const long i = (e * components + c) * STREAMS + s;
          factors[i] = stream_factor(weights + (e * components + c) * DERIVATIVES, s);
          sum += factors[i] * outputs.data[c * STREAMS + s];
        }
      out[e] = sum;
    }
  }

  // Let the last hidden layer take seed (components, STREAMS) of point n: the derivatives of the loss by the streams of the outputs.
  // The derivatives by the last layer are added to `gradient`.
  void seed(long n, long count, const T* seed, T* __restrict gradient) {
    const Layer& end = layers.back();
    for (int s = 0; s < STREAMS; s++) {
      const long row = (s * count + n) * end.wide;
      for (long j = 0; j < end.wide; j += LANES) {
        V sum = {};
        for (long c = 0; c < components; c++) sum += seed[c * STREAMS + s] * *(const V*)(last.data + c * end.wide + j);
        *(V*)(end.d.data + row + j) = sum;
      }
      for (long c = 0; c < components; c++)
        for (long j = 0; j < end.out; j++) gradient[c * end.out + j] += seed[c * STREAMS + s] * end.h.data[row + j];
    }
    for (long c = 0; c < components; c++) gradient[components * end.out + c] += seed[c * STREAMS];
  }

  // From the derivatives by the outputs of layer l to those by its pre-activations, in place.
  void through_tanh(Layer& layer, long count, const T* weights) {
    const long stride = count * layer.wide;
    for (long n = 0; n < count; n++)
      for (long j = 0; j < layer.wide; j += LANES) {
        V z[STREAMS], d[STREAMS];
        for (int s = 0; s < STREAMS; s++) z[s] = *(const V*)(layer.z.data + s * stride + n * layer.wide + j);
        for (int s = 0; s < STREAMS; s++) d[s] = *(const V*)(layer.d.data + s * stride + n * layer.wide + j);
        tanh_adjoint(*(const V*)(layer.h.data + n * layer.wide + j), z, d, weights + n * DERIVATIVES);
        for (int s = 0; s < STREAMS; s++) *(V*)(layer.d.data + s * stride + n * layer.wide + j) = d[s];
      }
  }

  // From the seeds back through all layers; `visit` sees each layer, and the matrix it acted on, once d holds the derivatives of its products.
  template <class Visit> void backward(long count, const T* weights, Visit visit) {
    for (long l = (long)layers.size() - 1; l >= 0; l--) {
      Layer& layer = layers[l];
      through_tanh(layer, count, weights);
      visit(layer, l ? layers[l - 1].h.data : first.data, l ? layers[l - 1].wide : layer.in);
      if (l) product(STREAMS * count, layer.out, layer.d.data, layer.wide, 1, layer.backward.data, layers[l - 1].d.data, layer.left, false);
    }
  }

  // Add the gradients that a block contributes to the weights of one layer.
  static void accumulate(Layer& layer, long count, const T* before, long left) {
    product(layer.in, STREAMS * count, before, 1, left, layer.d.data, layer.weight_gradient.data, layer.wide, true);
    for (long n = 0; n < count; n++)
      for (long j = 0; j < layer.wide; j++) layer.bias_gradient.data[j] += layer.d.data[n * layer.wide + j];
  }

  void write_gradient(T* gradient) const {
    for (const Layer& layer : layers)
      for (long o = 0; o < layer.out; o++) {
        gradient[layer.offset + layer.in * layer.out + o] = layer.bias_gradient.data[o];
        for (long i = 0; i < layer.in; i++) gradient[layer.offset + o * layer.in + i] = layer.weight_gradient.data[i * layer.wide + o];
      }
  }
};

// Returns the sum of the squared residuals; gradient (parameters): its derivative, or null.
// x: the layers, each as weights (out, in) and biases, then the coefficients of the known functions.
extern "C" double sum_of_squares(const Rows* rows, const T* x, T* gradient) {
  const Rows& r = *rows;
  Pass pass(r.depth, r.sizes, r.equations, r.components, r.known, x);
  const long per_point = r.equations * r.components * DERIVATIVES, size = STREAMS * r.components;
  if (gradient) std::fill(gradient, gradient + pass.parameters, T(0));
  Array values(r.equations), factors(r.equations * size), seed(size);
  double sum = 0;
  for (long begin = 0; begin < r.points; begin += pass.block) {
    const long count = std::min(pass.block, r.points - begin);
    const T* weights = r.weights + begin * per_point;
    pass.forward(r.inputs, r.points, begin, count, weights);
    for (long n = 0; n < count; n++) {
      const T* extra = r.extra + (begin + n) * r.equations * r.known;
      pass.residual(n, count, weights + n * per_point, extra, r.target + (begin + n) * r.equations, values.data, factors.data);
      std::fill(seed.data, seed.data + size, T(0));
      for (long e = 0; e < r.equations; e++) {
        const T value = values.data[e];
        sum += (double)value * value;
        for (long i = 0; i < size; i++) seed.data[i] += 2 * value * factors.data[e * size + i];
        for (long k = 0; k < r.known && gradient; k++) gradient[pass.coefficients + k] += 2 * value * extra[e * r.known + k];
      }
      if (gradient) pass.seed(n, count, seed.data, gradient + pass.hidden);
    }
    if (gradient) pass.backward(count, weights, [&](Layer& layer, const T* before, long left) { Pass::accumulate(layer, count, before, left); });
  }
  if (gradient) pass.write_gradient(gradient);
  return sum;
}

// residual (points, equations) and jacobian (points, equations, parameters).
extern "C" void jacobian_rows(const Rows* rows, const T* x, T* residual, T* jacobian) {
  const Rows& r = *rows;
  Pass pass(r.depth, r.sizes, r.equations, r.components, r.known, x);
  const long per_point = r.equations * r.components * DERIVATIVES, size = STREAMS * r.components;
  Array factors(pass.block * r.equations * size);
  for (long begin = 0; begin < r.points; begin += pass.block) {
    const long count = std::min(pass.block, r.points - begin);
    const T *weights = r.weights + begin * per_point, *extra = r.extra + begin * r.equations * r.known;
    pass.forward(r.inputs, r.points, begin, count, weights);
    for (long n = 0; n < count; n++)
      pass.residual(n, count, weights + n * per_point, extra + n * r.equations * r.known, r.target + (begin + n) * r.equations,
                    residual + (begin + n) * r.equations, factors.data + n * r.equations * size);
    for (long e = 0; e < r.equations; e++) {
      T* row = jacobian + (begin * r.equations + e) * pass.parameters;
      const long stride = r.equations * pass.parameters;
      for (long n = 0; n < count; n++) {
        std::fill(row + n * stride + pass.hidden, row + n * stride + pass.coefficients, T(0));
        pass.seed(n, count, factors.data + (n * r.equations + e) * size, row + n * stride + pass.hidden);
        std::memcpy(row + n * stride + pass.coefficients, extra + (n * r.equations + e) * r.known, r.known * sizeof(T));
      }
      pass.backward(count, weights, [&](Layer& layer, const T* before, long left) {
        for (long n = 0; n < count; n++) {
          T *weight = row + n * stride + layer.offset, *bias = weight + layer.in * layer.out;
          const T *d = layer.d.data + n * layer.wide, *h = before + n * left;
          for (long o = 0; o < layer.out; o++) {
            bias[o] = d[o];
            for (long i = 0; i < layer.in; i++) {
              T sum = 0;
              for (int s = 0; s < STREAMS; s++) sum += d[s * count * layer.wide + o] * h[s * count * left + i];
              weight[o * layer.in + i] = sum;
            }
          }
        }
      });
    }
  }
}
