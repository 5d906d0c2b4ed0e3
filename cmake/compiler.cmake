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
if(RRPO_SANITIZE)
  add_compile_options(-fsanitize=${RRPO_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${RRPO_SANITIZE})
endif()

find_program(RRPO_CCACHE ccache)
if(RRPO_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${RRPO_CCACHE})
endif()
