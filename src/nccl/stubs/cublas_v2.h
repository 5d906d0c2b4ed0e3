// Names that LibTorch's CUDA headers mention beside what the plugin uses; their own headers lie in wheels of 200 MB and
// more.
#pragma once

using cublasHandle_t = struct cublasContext*;
enum cublasStatus_t : int;
