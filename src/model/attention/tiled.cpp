// A tile's scores stand in one matrix, a row for each query of each head that shares the keys: whole products in and out,
// the softmax in between over just the columns that a row sees. Nothing is masked, padded or merged, and of the scores only
// one tile is there at a time. Backward makes them again from the log-sum-exp, as FlashAttention does (arXiv 2205.14135).
#include "tiled.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "../graph.h"
#include "../row_math.h"
#include "gemm.h"

namespace rrpo::model {

namespace {

using torch::autograd::AutogradContext;
using Tensors = torch::autograd::variable_list;

/// Heads [n, H, d] over keys [T, Hkv, d]: `group` query heads share one of the keys'.
struct Heads {
  int64_t keys = 0, group = 0, width = 0;
  int64_t queries() const { return keys * group; }
};

/// Where the rows of one of the keys' heads stand in [n, heads, d], as a matrix.
template <class T>
Matrix<T> head_of(T* values, int64_t row, int64_t head, int64_t heads, int64_t width) {
  return {values + (row * heads + head) * width, heads * width};
}

/// Room for one tile and one of the keys' heads: R = queries * group rows, each of one query head.
template <class T>
struct Room {
  at::Tensor memory;
  Matrix<T> q, out;             ///< [R, d]
  Matrix<T> scores, gradients;  ///< [R, columns]

  Room(const AttentionPlan& plan, const Heads& heads, const at::TensorOptions& options) {
    int64_t rows = 0, cells = 0;
    for (const Tile& tile : plan.tiles) {
      rows = std::max(rows, tile.queries.length * heads.group);
      cells = std::max(cells, tile.queries.length * heads.group * tile.columns);
    }
    memory = at::empty({2 * rows * heads.width + 2 * cells}, options);
    T* at = memory.mutable_data_ptr<T>();
    q = {at, heads.width};
    out = {at + rows * heads.width, heads.width};
    scores.at = at + 2 * rows * heads.width;
    gradients.at = scores.at + cells;
  }
};

template <class T>
Matrix<const T> reading(Matrix<T> matrix) {
  return {matrix.at, matrix.step};
}

/// What the passes share: pointers into [n, heads, d] and the rules of the softmax.
template <class T>
struct Operands {
  const AttentionPlan& plan;
  Heads heads;
  const T *q, *k, *v;
  const ScoreRows<T>& rows;
  T scale;

  Operands(const AttentionPlan& plan, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v)
      : plan(plan),
        heads{k.size(1), q.size(1) / std::max<int64_t>(1, k.size(1)), q.size(2)},
        q(q.const_data_ptr<T>()),
        k(k.const_data_ptr<T>()),
        v(v.const_data_ptr<T>()),
        rows(softmax_for(T())),
        scale(static_cast<T>(1 / std::sqrt(static_cast<double>(q.size(2))))) {}

  static const ScoreRows<float>& softmax_for(float) { return avx2_scores(); }
  static const ScoreRows<double>& softmax_for(double) { return plain_scores(); }

  Matrix<const T> keys(const T* values, int64_t row, int64_t head) const {
    return head_of(values, row, head, heads.keys, heads.width);
  }

  /// Where row r of a tile stands in [n, H].
  int64_t place(const Tile& tile, int64_t head, int64_t r) const {
    return (tile.queries.begin + r / heads.group) * heads.queries() + head * heads.group + r % heads.group;
  }

  /// Calls `use(its range, the first of its columns)` for each range of a tile's keys.
  template <class Use>
  void each_range(const Tile& tile, const Use& use) const {
    int64_t column = 0;
    for (const Range& range : tile.keys) {
      use(range, column);
      column += range.length;
    }
  }

  /// The rows of the tile, times `by`, of [n, H, d] into [R, d] where the heads of a query stand one after the other.
  void gather(const Tile& tile, int64_t head, const T* values, T by, Matrix<T> to) const {
    const int64_t size = heads.group * heads.width, step = heads.queries() * heads.width;
    const T* from = values + tile.queries.begin * step + head * size;
    for (int64_t i = 0; i < tile.queries.length; ++i, from += step) {
      for (int64_t c = 0; c < size; ++c) to.at[i * size + c] = by * from[c];
    }
  }

  /// Scores of all rows at all columns, of which only some count.
  void score(const Tile& tile, int64_t head, const Room<T>& room) const {
    each_range(tile, [&](const Range& range, int64_t column) {
      times_transposed(reading(room.q), keys(k, range.begin, head), tile.queries.length * heads.group, range.length,
                       heads.width, {room.scores.at + column, tile.columns});
    });
  }

  /// The other way of gather(), each row times `by(row)`.
  template <class By>
  void scatter(const Tile& tile, int64_t head, Matrix<T> from, T* values, const By& by) const {
    const int64_t step = heads.queries() * heads.width;
    T* to = values + tile.queries.begin * step + head * heads.group * heads.width;
    const T* row = from.at;
    for (int64_t i = 0; i < tile.queries.length; ++i, to += step) {
      for (int64_t g = 0; g < heads.group; ++g, row += heads.width) {
        const T factor = by(i * heads.group + g);
        for (int64_t c = 0; c < heads.width; ++c) to[g * heads.width + c] = factor * row[c];
      }
    }
  }
};

/// Writes the rows of the tile into out [n, H, d] and their log-sum-exp into lse [n, H].
template <class T>
void tile_forward(const Operands<T>& own, const Tile& tile, int64_t head, const Room<T>& room, T* out, T* lse) {
  const Heads& heads = own.heads;
  const int64_t rows = tile.queries.length * heads.group;
  own.gather(tile, head, own.q, own.scale, room.q);
  own.score(tile, head, room);
  std::vector<T> shares(static_cast<size_t>(rows));
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t query = r / heads.group;
    const Softened<T> soft = own.rows.soften(room.scores.at + r * tile.columns, tile.columns, tile.seen_by(query));
    shares[static_cast<size_t>(r)] = 1 / soft.sum;
    lse[own.place(tile, head, r)] = soft.top + std::log(soft.sum);
  }
  own.each_range(tile, [&](const Range& range, int64_t column) {
    times({room.scores.at + column, tile.columns}, own.keys(own.v, range.begin, head), rows, heads.width, range.length,
          /*add=*/column > 0, room.out);
  });
  own.scatter(tile, head, room.out, out, [&](int64_t r) { return shares[static_cast<size_t>(r)]; });
}

/// What backward adds to.
template <class T>
struct Gradients {
  T *q, *k, *v;
};

/// `out` and `lse` are those of forward; `gradient` is that of out.
template <class T>
void tile_backward(const Operands<T>& own, const Tile& tile, int64_t head, const Room<T>& room, const T* out, const T* lse,
                   const T* gradient, const Gradients<T>& to) {
  const Heads& heads = own.heads;
  const int64_t rows = tile.queries.length * heads.group, width = heads.width;
  own.gather(tile, head, own.q, own.scale, room.q);
  own.score(tile, head, room);
  own.gather(tile, head, gradient, 1, room.out);
  own.each_range(tile, [&](const Range& range, int64_t column) {
    times_transposed(reading(room.out), own.keys(own.v, range.begin, head), rows, range.length, width,
                     {room.gradients.at + column, tile.columns});
  });
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t at = own.place(tile, head, r);
    const T *o = out + at * width, *g = gradient + at * width;
    T along = 0;
    for (int64_t c = 0; c < width; ++c) along += o[c] * g[c];
    own.rows.back(room.scores.at + r * tile.columns, room.gradients.at + r * tile.columns, tile.columns,
                  tile.seen_by(r / heads.group), lse[at], along);
  }
  own.each_range(tile, [&](const Range& range, int64_t column) {
    const Matrix<const T> p{room.scores.at + column, tile.columns}, s{room.gradients.at + column, tile.columns};
    const auto place = [&](T* values) { return head_of(values, range.begin, head, heads.keys, width); };
    add_transposed_times(p, reading(room.out), range.length, width, rows, place(to.v));
    add_transposed_times(s, reading(room.q), range.length, width, rows, place(to.k));
  });
  own.each_range(tile, [&](const Range& range, int64_t column) {
    times({room.gradients.at + column, tile.columns}, own.keys(own.k, range.begin, head), rows, width, range.length,
          /*add=*/column > 0, room.out);
  });
  own.scatter(tile, head, room.out, to.q, [&](int64_t) { return own.scale; });
}

/// How many parts the tiles of a head are divided into so that all threads have work. What they add to is added in order: a
/// result depends on the number of threads, as that of a product does, and on nothing else.
int64_t parts_of(const AttentionPlan& plan, const Heads& heads) {
  const int64_t wanted = (at::get_num_threads() + heads.keys - 1) / heads.keys;
  return std::clamp<int64_t>(wanted, 1, std::max<int64_t>(1, static_cast<int64_t>(plan.tiles.size())));
}

/// Calls `use(tile, head, part)` for each tile of each of the keys' heads, those of one head and part by one thread and in
/// order. Later tiles look at more rows, so that each part takes every so-manyth.
template <class MakeRoom, class Use>
void each_tile(const AttentionPlan& plan, const Heads& heads, int64_t parts, const MakeRoom& make_room, const Use& use) {
  at::parallel_for(0, heads.keys * parts, 1, [&](int64_t begin, int64_t end) {
    const auto room = make_room();
    for (int64_t unit = begin; unit < end; ++unit) {
      for (size_t t = static_cast<size_t>(unit % parts); t < plan.tiles.size(); t += static_cast<size_t>(parts))
        use(plan.tiles[t], unit / parts, unit % parts, room);
    }
  });
}

template <class T>
void forward(const AttentionPlan& plan, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& out,
             const at::Tensor& lse) {
  const Operands<T> own(plan, q, k, v);
  T *to = out.mutable_data_ptr<T>(), *sums = lse.mutable_data_ptr<T>();
  each_tile(
      plan, own.heads, parts_of(plan, own.heads), [&] { return Room<T>(plan, own.heads, q.options()); },
      [&](const Tile& tile, int64_t head, int64_t, const Room<T>& room) { tile_forward(own, tile, head, room, to, sums); });
}

template <class T>
Tensors backward(const AttentionPlan& plan, const Tensors& saved, const at::Tensor& gradient) {
  const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2];
  const Operands<T> own(plan, q, k, v);
  const int64_t parts = parts_of(plan, own.heads);
  const at::Tensor to_q = q.new_empty(q.sizes()), to_k = k.new_zeros({parts, k.size(0), k.size(1), k.size(2)}),
                   to_v = to_k.new_zeros(to_k.sizes());
  const T *out = saved[3].const_data_ptr<T>(), *lse = saved[4].const_data_ptr<T>(), *back = gradient.const_data_ptr<T>();
  T *first_q = to_q.mutable_data_ptr<T>(), *first_k = to_k.mutable_data_ptr<T>(), *first_v = to_v.mutable_data_ptr<T>();
  each_tile(
      plan, own.heads, parts, [&] { return Room<T>(plan, own.heads, q.options()); },
      [&](const Tile& tile, int64_t head, int64_t part, const Room<T>& room) {
        const int64_t at = part * k.numel();
        tile_backward(own, tile, head, room, out, lse, back, {first_q, first_k + at, first_v + at});
      });
  const auto joined = [&](const at::Tensor& all) { return parts == 1 ? all.select(0, 0) : all.sum(0); };
  return {to_q, joined(to_k), joined(to_v), at::Tensor()};
}

class TiledAttention : public torch::autograd::Function<TiledAttention> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& given_q, const at::Tensor& given_k,
                            const at::Tensor& given_v, const std::shared_ptr<const AttentionPlan>& plan) {
    const at::Tensor q = given_q.contiguous(), k = given_k.contiguous(), v = given_v.contiguous();
    const at::Tensor out = q.new_empty(q.sizes()), lse = q.new_empty({q.size(0), q.size(1)});
    if (q.scalar_type() == at::kDouble)
      model::forward<double>(*plan, q, k, v, out, lse);
    else
      model::forward<float>(*plan, q, k, v, out, lse);
    if (context != nullptr) {
      context->save_for_backward({q, k, v, out, lse});
      keep(context, plan);
    }
    return out.flatten(1);
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const Tensors saved = context->get_saved_variables();
    const AttentionPlan& plan = *kept<std::shared_ptr<const AttentionPlan>>(context);
    const at::Tensor gradient = gradients[0].contiguous();
    return gradient.scalar_type() == at::kDouble ? model::backward<double>(plan, saved, gradient)
                                                 : model::backward<float>(plan, saved, gradient);
  }
};

}  // namespace

bool attends_in_tiles(const at::TensorOptions& options) {
  const at::ScalarType type = c10::typeMetaToScalarType(options.dtype());
  return options.device().is_cpu() && (type == at::kFloat || type == at::kDouble) && rows_by_hand() && has_gemm();
}

at::Tensor attend_in_tiles(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::shared_ptr<const AttentionPlan>& plan) {
  return call<TiledAttention>(q, k, v, plan);
}

}  // namespace rrpo::model
