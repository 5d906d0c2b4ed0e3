# One set of compiler flags for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2")                    # assertions stay in; -O3 costs time and gains nothing here

add_compile_options(-Wall -Wextra -Wpedantic -Wno-unused-parameter)
if(RRPO_WERROR)
  add_compile_options(-Werror)
endif()

# Files of strangers are read here: guarded stacks, checked library calls, tables of calls that cannot be overwritten, no fixed
# addresses (the test house/hardening looks at the programs). Sanitizers bring their own.
if(NOT RRPO_SANITIZE)
  add_compile_options(-fstack-protector-strong)
  if(NOT CMAKE_BUILD_TYPE STREQUAL Debug)             # the checked calls need the optimiser
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  endif()
  add_link_options(-Wl,-z,relro,-z,now)
endif()
include(CheckPIESupported)
check_pie_supported(LANGUAGES CXX)
if(RRPO_SANITIZE)
  add_compile_options(-fsanitize=${RRPO_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  # The check of virtual tables asks the kernel through a pipe: it fails in the tests that run out of descriptors.
  add_compile_options(-fno-sanitize=vptr)
  add_link_options(-fsanitize=${RRPO_SANITIZE})
endif()

find_program(RRPO_CCACHE ccache)
if(RRPO_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${RRPO_CCACHE})
endif()
