// Matrices in four bits: bit for bit as bitsandbytes makes them (scripts/oracles/nf4.py), and a model that holds them.
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>

#include "../../src/model/layers.h"
#include "../../src/model/lora.h"
#include "../../src/model/nf4.h"
#include "../../src/model/tensor_io.h"
#include "support/parity.h"
#include "tiny.h"

namespace rrpo::model {
namespace {

using testing::AllOf;
using testing::HasSubstr;

bool same_bits(const at::Tensor& x, const at::Tensor& y) {
  return x.scalar_type() == y.scalar_type() && x.sizes() == y.sizes() && x.view(at::kByte).equal(y.view(at::kByte));
}

std::map<std::string, at::Tensor> read_golden() {
  std::map<std::string, at::Tensor> tensors;
  for (const io::TensorEntry& entry : io::read_safetensors_header(test::source_file("tests/golden/nf4.safetensors"))) {
    at::Tensor tensor = at::empty(entry.shape, entry.dtype == "U8" ? at::kByte : weight_type(entry.dtype));
    io::read_tensor_bytes(entry, tensor.mutable_data_ptr());
    tensors.emplace(entry.name, tensor);
  }
  return tensors;
}

TEST(Nf4, IsBitsandbytesBitForBit) {
  const std::map<std::string, at::Tensor> golden = read_golden();
  int cases = 0;
  for (const auto& [name, input] : golden) {
    if (!name.ends_with(".input")) continue;
    ++cases;
    const std::string of = name.substr(0, name.size() - 5);
    const auto matrix = quantise_nf4(input, at::kCPU);
    const auto same = [&](const std::string& part, const at::Tensor& actual) {
      test::expect_same({"four bits", "bitsandbytes 0.50", "bytes, scales and values, bit for bit"},
                        same_bits(actual, golden.at(of + part)), of + part);
    };
    same("packed", matrix->packed());
    same("absmax", matrix->absmax());
    for (const auto& [part, type] :
         {std::pair("float32", at::kFloat), {"bfloat16", at::kBFloat16}, {"float16", at::kHalf}}) {
      same(part, matrix->get(type));
      EXPECT_TRUE(same_bits(nf4_by_operations(*matrix, type), golden.at(of + part))) << of << part;
    }
    EXPECT_TRUE(same_bits(matrix->get(at::kDouble), golden.at(of + "float32").to(at::kDouble)));
    EXPECT_EQ(matrix->shape(), input.sizes().vec());
    EXPECT_EQ(matrix->bytes(), (input.numel() + 1) / 2 + 4 * ((input.numel() + 63) / 64));
  }
  EXPECT_EQ(cases, 24);
}

/// Larger than a chunk of the operations, with a rest behind the last block.
TEST(Nf4, OperationsGoOnBehindAChunk) {
  constexpr int64_t kRows = 4099, kColumns = 8191;
  const at::Tensor values = at::empty({kRows, kColumns}, at::kBFloat16).fill_(0.25);
  values.select(0, kRows - 1).fill_(-3);
  values.select(0, kRows - 2).fill_(0.5);
  const auto matrix = quantise_nf4(values, at::kCPU);
  EXPECT_TRUE(nf4_by_operations(*matrix, at::kBFloat16).equal(matrix->get(at::kBFloat16)));
}

TEST(Nf4, OfShapesAloneHasShapes) {
  const auto matrix = quantise_nf4(at::empty({30, 50}, at::TensorOptions(at::kMeta).dtype(at::kBFloat16)), at::kMeta);
  EXPECT_EQ(matrix->bytes(), 750 + 4 * 24);
  EXPECT_TRUE(matrix->get(at::kFloat).is_meta());
}

/// The weights of tiny_model() in float32 as a folder.
class Folder {
 public:
  explicit Folder(const std::function<void(Lvlm&)>& change = [](Lvlm&) {}) {
    Lvlm lvlm = tiny_model(1, Dtype::float32);
    change(lvlm);
    folder_.write("config.json", tiny_config().dump());
    save_weights(lvlm, folder_.path(), Dtype::float32);
  }
  Lvlm open(const std::string& frozen, Dtype dtype = Dtype::float32, const std::string& device = "cpu") const {
    LoadOptions options;
    options.dtype = dtype;
    options.device = device;
    options.frozen = frozen;
    return load(folder_.path(), options);
  }

 private:
  test::TempDir folder_;
};

TEST(Nf4Model, HoldsTheMatricesOfTheLayersAndNothingElse) {
  const Folder folder;
  for (const char* device : {"cpu", "meta"}) {
    Lvlm plain = folder.open("plain", Dtype::bfloat16, device), held = folder.open("nf4", Dtype::bfloat16, device);
    const auto wanted = tensors(plain), got = tensors(held);
    ASSERT_EQ(wanted.size(), got.size());
    const auto matrices = decoder_matrices(held.weights());
    EXPECT_EQ(matrices.size(), 3 * 7);
    for (size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_EQ(wanted[i].name, got[i].name);
      EXPECT_EQ(wanted[i].shape, got[i].shape);
      const auto matrix = matrices.find(got[i].name);
      EXPECT_EQ(got[i].tensor->defined(), matrix == matrices.end()) << got[i].name;
      if (matrix == matrices.end()) continue;
      EXPECT_EQ(matrix->second->shape(), wanted[i].shape);
      EXPECT_EQ(matrix->second->numel(), wanted[i].tensor->numel());
    }
  }
}

/// Four bits are made of the file's numbers, not of what the compute type leaves of them.
TEST(Nf4Model, IsTheSameInEveryComputeType) {
  const Folder folder;
  Lvlm narrow = folder.open("nf4", Dtype::bfloat16), wide = folder.open("nf4", Dtype::float64), plain = folder.open("plain");
  const auto in_narrow = decoder_matrices(narrow.weights()), in_wide = decoder_matrices(wide.weights()),
             in_plain = decoder_matrices(plain.weights());
  for (const auto& [name, matrix] : in_narrow) {
    EXPECT_TRUE(matrix->get(at::kFloat).equal(in_wide.at(name)->get(at::kFloat))) << name;
    EXPECT_TRUE(matrix->get(at::kFloat).equal(quantise_nf4(in_plain.at(name)->plain, at::kCPU)->get(at::kFloat))) << name;
  }
}

/// A pass over held matrices equals one over the plain matrices that they stand for, with its gradients.
TEST(Nf4Model, ComputesWhatItsMatricesStandFor) {
  const Folder folder;
  Lvlm held = folder.open("nf4"), plain = folder.open("plain");
  const auto of = decoder_matrices(held.weights());
  for (const auto& [name, matrix] : decoder_matrices(plain.weights())) matrix->plain = of.at(name)->get(at::kFloat);
  PackedRows rows;
  rows.add_segment(tokens(9, 3), -1);
  for (int64_t i = 0; i < 9; ++i) rows.read_rows.push_back(i);
  for (const bool adapter : {false, true}) {
    std::vector<at::Tensor> out, gradients;
    for (Lvlm* lvlm : {&held, &plain}) {
      if (adapter) {
        add_adapter(*lvlm, {4, 8}, 11);
        fill_adapter(*lvlm);
      }
      at::Tensor& embedding = lvlm->weights().decoder.embedding;
      embedding = embedding.detach().requires_grad_(true);
      const at::Tensor hidden_rows = hidden(*lvlm, rows, {});
      hidden_rows.square().sum().backward();
      out.push_back(hidden_rows.detach());
      gradients.push_back(embedding.grad());
    }
    EXPECT_TRUE(out[0].equal(out[1]));
    EXPECT_TRUE(gradients[0].equal(gradients[1]));
  }
}

TEST(Nf4Model, RefusesWhatIsNoNumber) {
  const Folder folder([](Lvlm& lvlm) {
    lvlm.weights().decoder.layers[1].up.weight.plain.select(0, 2).select(0, 5).fill_(
        std::numeric_limits<double>::quiet_NaN());
  });
  try {
    folder.open("nf4");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::numerics);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("up_proj.weight"), HasSubstr("element 69 is not a finite number")));
  }
}

TEST(Nf4Model, IsNotSaved) {
  const Folder folder;
  Lvlm held = folder.open("nf4");
  const test::TempDir out;
  EXPECT_THROW(save_weights(held, out.path(), Dtype::float32), Error);
}

/// An adapter's file may hold a copy of the base's weights; one that differs is refused over four bits too.
TEST(Nf4Model, ReadsAdaptersThatHoldACopyOfABaseWeight) {
  const Folder folder;
  const std::string module = "model.language_model.layers.1.mlp.up_proj";
  for (const bool equal : {true, false}) {
    Lvlm plain = folder.open("plain");
    add_adapter(plain, {4, 8}, 11);
    fill_adapter(plain);
    const test::TempDir adapter;
    save_adapter(plain, adapter.path(), "base");
    std::vector<std::pair<std::string, at::Tensor>> named;
    for (const NamedTensor& tensor : adapter_tensors(plain)) named.emplace_back(tensor.name, *tensor.tensor);
    at::Tensor copy = decoder_matrices(plain.weights()).at(module + ".weight")->plain.clone();
    if (!equal) copy.select(0, 3).fill_(2);
    named.emplace_back("base_model.model." + module + ".weight", copy);
    write_tensors(adapter.path() / "adapter_model.safetensors", named, at::kFloat);
    for (const char* device : {"cpu", "meta"}) {
      Lvlm held = folder.open("nf4", Dtype::float32, device);
      if (equal || held.weights().device.is_meta())
        EXPECT_NO_THROW(load_adapter(held, adapter.path()));
      else
        EXPECT_THROW(load_adapter(held, adapter.path()), Error);
    }
  }
}

}  // namespace
}  // namespace rrpo::model
