# rrpo_layer(NAME [DEPENDS layers...] [LINKS public libraries...] [PRIVATE libraries...])
# One layer = one folder src/NAME = one object library NAME. PRIVATE libraries are not visible to the layers above.
# The property LAYER_CLOSURE of a layer lists it and every layer below, for whoever links a program from object libraries.
function(rrpo_layer name)
  cmake_parse_arguments(arg "" "" "DEPENDS;LINKS;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  if(NOT sources)
    set(sources ${CMAKE_BINARY_DIR}/empty.cpp)
    file(WRITE ${sources} "")
  endif()
  add_library(${name} OBJECT ${sources})
  add_library(${name}_api INTERFACE)                  # what a layer above sees of this one
  target_include_directories(${name}_api INTERFACE ${CMAKE_SOURCE_DIR}/include)
  target_link_libraries(${name}_api INTERFACE ${arg_LINKS} Threads::Threads)
  target_link_libraries(${name} PUBLIC ${name}_api PRIVATE ${arg_PRIVATE})
  set(closure ${name})
  foreach(lower ${arg_DEPENDS})
    target_link_libraries(${name}_api INTERFACE ${lower}_api)
    get_target_property(below ${lower} LAYER_CLOSURE)
    list(APPEND closure ${below})
  endforeach()
  list(REMOVE_DUPLICATES closure)
  set_target_properties(${name} PROPERTIES LAYER_CLOSURE "${closure}")
  set_property(GLOBAL APPEND PROPERTY RRPO_LAYERS ${name})
endfunction()

# Puts the text of a file of the repository inside a layer (cmake/embedded.cpp.in).
function(rrpo_embed layer file)
  set(RRPO_EMBEDDED_FILE ${file})
  file(READ ${CMAKE_SOURCE_DIR}/${file} RRPO_EMBEDDED_TEXT)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${file})
  configure_file(${CMAKE_SOURCE_DIR}/cmake/embedded.cpp.in ${CMAKE_BINARY_DIR}/embedded_${layer}.cpp @ONLY)
  target_sources(${layer} PRIVATE ${CMAKE_BINARY_DIR}/embedded_${layer}.cpp)
endfunction()

# Links `target` from the objects of `layers`. libtorch_cpu comes before OpenCV, on the program's own line: behind it OpenCV's
# BLAS would serve torch's matrix products, ten times slower and silently.
function(rrpo_link_layers target)
  if(TARGET torch::torch_cpu)
    target_link_libraries(${target} PRIVATE torch::torch_cpu)
  endif()
  foreach(layer ${ARGN})
    target_link_libraries(${target} PRIVATE ${layer})
  endforeach()
endfunction()

# The one static library of all layers.
function(rrpo_library)
  get_property(layers GLOBAL PROPERTY RRPO_LAYERS)
  add_library(rrpo STATIC)
  foreach(layer ${layers})
    target_sources(rrpo PRIVATE $<TARGET_OBJECTS:${layer}>)
  endforeach()
  target_compile_features(rrpo PUBLIC cxx_std_20)
  target_include_directories(rrpo PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
  target_link_libraries(rrpo
    PUBLIC torch::torch_cpu nlohmann_json::nlohmann_json Threads::Threads
    PRIVATE spdlog::spdlog rrpo::ffmpeg rrpo::opencv rrpo::utf8proc rrpo::sentencepiece PkgConfig::libcurl
      PkgConfig::libcrypto PkgConfig::libpcre2)
endfunction()

# rrpo_program(NAME SOURCE): one of the commands, from apps/. Its own sources begin with SOURCE's name; apps/app*.cpp serve all.
function(rrpo_program name source)
  get_filename_component(stem ${source} NAME_WE)
  file(GLOB own CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/apps/${stem}*.cpp)
  if(NOT TARGET apps)
    file(GLOB shared CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/apps/app*.cpp)
    add_library(apps OBJECT ${shared})
    target_link_libraries(apps PUBLIC rrpo)
  endif()
  add_executable(${name} ${own})
  target_link_libraries(${name} PRIVATE torch::torch_cpu apps rrpo ${CMAKE_DL_LIBS})
  set_property(GLOBAL APPEND PROPERTY RRPO_PROGRAMS ${name})
endfunction()
