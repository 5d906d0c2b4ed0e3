# Third parties as imported targets, for the build and, installed beside rrpoConfig.cmake, for whoever links our library.
# LibTorch is taken from RRPO_TORCH_DIR, a Python environment's torch, or .deps/ (in this order; a program of others: from where
# the library was built first), never by find_package(Torch), which fails on a machine without CUDA.
include(GNUInstallDirs)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(spdlog REQUIRED)
pkg_check_modules(ffmpeg_libs REQUIRED IMPORTED_TARGET libavformat libavcodec libswscale libavutil)
add_library(rrpo::ffmpeg INTERFACE IMPORTED)
target_link_libraries(rrpo::ffmpeg INTERFACE PkgConfig::ffmpeg_libs)

pkg_check_modules(libcurl REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(libcrypto REQUIRED IMPORTED_TARGET libcrypto)

find_path(RRPO_UTF8PROC_INCLUDE utf8proc.h REQUIRED)
find_library(RRPO_UTF8PROC_LIBRARY utf8proc REQUIRED)
add_library(rrpo::utf8proc INTERFACE IMPORTED)
target_include_directories(rrpo::utf8proc SYSTEM INTERFACE ${RRPO_UTF8PROC_INCLUDE})
target_link_libraries(rrpo::utf8proc INTERFACE ${RRPO_UTF8PROC_LIBRARY})

# Brings a protobuf of its own: nothing else in the process may load libprotobuf (the test `house/protobuf` looks).
find_path(RRPO_SENTENCEPIECE_INCLUDE sentencepiece_processor.h REQUIRED)
find_library(RRPO_SENTENCEPIECE_LIBRARY sentencepiece REQUIRED)
add_library(rrpo::sentencepiece INTERFACE IMPORTED)
target_include_directories(rrpo::sentencepiece SYSTEM INTERFACE ${RRPO_SENTENCEPIECE_INCLUDE})
target_link_libraries(rrpo::sentencepiece INTERFACE ${RRPO_SENTENCEPIECE_LIBRARY})

# Debian's core and imgproc packages bring no CMake file; the other modules are not wanted (they load protobuf and GDAL).
find_path(RRPO_OPENCV_INCLUDE opencv2/imgproc.hpp PATH_SUFFIXES opencv4 REQUIRED)
find_library(RRPO_OPENCV_CORE opencv_core REQUIRED)
find_library(RRPO_OPENCV_IMGPROC opencv_imgproc REQUIRED)
add_library(rrpo::opencv INTERFACE IMPORTED)
target_include_directories(rrpo::opencv SYSTEM INTERFACE ${RRPO_OPENCV_INCLUDE})
target_link_libraries(rrpo::opencv INTERFACE ${RRPO_OPENCV_IMGPROC} ${RRPO_OPENCV_CORE})

if(RRPO_TORCH_FREE)
  return()
endif()

# Regular expressions of adapter_config.json.
pkg_check_modules(libpcre2 REQUIRED IMPORTED_TARGET libpcre2-8)

function(rrpo_find_torch out)
  set(candidates ${RRPO_TORCH_DIR})
  if(NOT RRPO_TORCH_DIR)
    execute_process(
      COMMAND python3 -c "import importlib.util as u, os; print(os.path.dirname(u.find_spec('torch').origin))"
      OUTPUT_VARIABLE python_torch OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    set(candidates ${RRPO_TORCH_BUILT_WITH} ${python_torch} ${CMAKE_SOURCE_DIR}/.deps/torch)
  endif()
  foreach(folder ${candidates})
    set(header ${folder}/include/torch/headeronly/version.h)
    if(EXISTS ${folder}/lib/libtorch_cpu.so AND EXISTS ${header})
      file(STRINGS ${header} version REGEX "define TORCH_VERSION_(MAJOR|MINOR) ")
      if(version MATCHES "MAJOR 2;.*MINOR 11")
        set(${out} ${folder} PARENT_SCOPE)
        return()
      endif()
    endif()
  endforeach()
  message(FATAL_ERROR "LibTorch 2.11 not found in: ${candidates}; fix: run scripts/setup.sh or set RRPO_TORCH_DIR")
endfunction()
rrpo_find_torch(torch_root)
message(STATUS "LibTorch: ${torch_root}")

# The compiler sees four folders of the wheel's include tree: beside them lie fmt 12 and protobuf, which shadow Debian's.
set(torch_folders ATen c10 caffe2 torch)
set(torch_view ${CMAKE_CURRENT_BINARY_DIR}/torch-include)
file(MAKE_DIRECTORY ${torch_view})
foreach(folder ${torch_folders})
  file(CREATE_LINK ${torch_root}/include/${folder} ${torch_view}/${folder} SYMBOLIC)
endforeach()
foreach(name c10 torch_cpu)
  add_library(torch::${name} SHARED IMPORTED)
  set_target_properties(torch::${name} PROPERTIES IMPORTED_LOCATION ${torch_root}/lib/lib${name}.so)
endforeach()
target_include_directories(torch::c10 SYSTEM INTERFACE ${torch_view} ${torch_view}/torch/csrc/api/include)
target_compile_definitions(torch::c10 INTERFACE AT_PER_OPERATOR_HEADERS)
target_link_libraries(torch::torch_cpu INTERFACE torch::c10 Threads::Threads)
