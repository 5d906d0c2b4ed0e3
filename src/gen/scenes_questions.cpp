#include "scenes_questions.h"

#include <algorithm>

#include "scenes_answer.h"

namespace rrpo::gen {
namespace {

const char* which(const Scene& scene, const Object& object) { return &object == scene.data() ? "first" : "last"; }

// The scene as someone reports it who sees what is usual: each unusual attribute is replaced with probability
// `config.stereotype`.
Scene reported(const ScenesConfig& config, Scene scene, Random& random) {
  if (config.stereotype <= 0) return scene;
  for (Object& object : scene) {
    if (random.chance(config.stereotype)) object.shape = usual_shape(object.colour);
    if (random.chance(config.stereotype)) object.way = usual_way(object.colour);
  }
  const bool cold_first = !is_warm(scene[0].colour) && is_warm(scene[1].colour);
  if (cold_first && random.chance(config.stereotype)) std::swap(scene[0], scene[1]);
  return scene;
}

void ask_shape(const Scene& scene, Random& random, rows::Question& row) {
  const Object& object = any_of(scene, random);
  row.question = "What shape is the " + object.colour_name() + " object?";
  Answer(row).say("The " + object.colour_name() + " object is a ").key(object.shape_name(), kShapes).say(".");
}

void ask_way(const Scene& scene, Random& random, rows::Question& row) {
  const Object& object = any_of(scene, random);
  const std::string subject = std::string(which(scene, object)) + " object";
  row.question = "Which way does the " + subject + " move?";
  Answer(row).say("The " + subject + " moves ").key(object.way_name(), kWays).say(".");
}

// Appends the four ways as lettered options in random order; the answer is the one that names `way`. It says the way before
// its letter: four layers that see where an object moves have none left to look up a letter before they have said so.
void offer_ways(const std::string& way, Random& random, rows::Question& row) {
  row.format = "mcq";
  std::vector<std::string> ways = kWays;
  random.shuffle(ways);
  for (size_t i = 0; i < ways.size(); ++i) {
    const std::string letter(1, static_cast<char>('A' + i));
    row.question += " (" + letter + ") " + ways[i];
    row.options.push_back({letter, ways[i]});
    if (ways[i] == way) row.answer = way + " (" + letter + ")";
  }
  row.spans = {{0, static_cast<int64_t>(row.answer.size())}};
}

void ask_choice(const Scene& scene, Random& random, rows::Question& row) {
  const Object& object = any_of(scene, random);
  row.question = std::string("Which way does the ") + which(scene, object) + " object move?";
  offer_ways(object.way_name(), random, row);
}

// Nothing to see here: it teaches to look up an option's letter, which is hard to learn together with seeing.
void ask_option(const Scene&, Random& random, rows::Question& row) {
  const std::string& way = kWays[static_cast<size_t>(random.below(4))];
  row.question = "Which option is " + way + "?";
  offer_ways(way, random, row);
}

void ask_order(const Scene& scene, Random&, rows::Question& row) {
  row.question = "Which object appears first?";
  Answer(row).say("The ").key_object(scene[0]).say(" appears first.");
}

void ask_caption(const Scene& scene, Random&, rows::Question& row) {
  row.format = "open";
  row.question = "Describe the video.";
  Answer answer(row);
  for (size_t i = 0; i < 2; ++i) {
    const Object& object = scene[i];
    answer.say(i == 0 ? "First a " : ", then a ")
        .key(object.colour_name(), kColours)
        .say(" ")
        .key(object.shape_name(), kShapes);
    answer.say(" moves ").key(object.way_name(), kWays);
  }
  answer.say(".");
}

void ask_path(const Scene& scene, Random& random, rows::Question& row) {
  const Object& object = any_of(scene, random);
  const std::string subject = std::string(which(scene, object)) + " object";
  row.question = "Where does the " + subject + " go?";
  Answer(row)
      .say("The " + subject + " goes from ")
      .key(object.from.name(), kPlaces)
      .say(" to ")
      .key(object.to.name(), kPlaces)
      .say(".");
}

void ask_paths(const Scene& scene, Random&, rows::Question& row) {
  row.format = "open";
  row.question = "List the paths.";
  Answer answer(row);
  for (size_t i = 0; i < 2; ++i) {
    const Object& object = scene[i];
    answer.say(i == 0 ? "First " : ", last ").key(object.colour_name(), kColours).say(" ").key(object.shape_name(), kShapes);
    answer.say(" ").key(object.from.name(), kPlaces).say(" to ").key(object.to.name(), kPlaces);
  }
  answer.say(".");
}

void ask_list(const Scene& scene, Random&, rows::Question& row) {
  Scene sorted = scene;
  std::sort(sorted.begin(), sorted.end(), [](const Object& a, const Object& b) {
    return a.from.row * kSide + a.from.column < b.from.row * kSide + b.from.column;
  });
  row.format = "open";
  row.question = "List the objects.";
  Answer answer(row);
  for (size_t i = 0; i < sorted.size(); ++i) {
    answer.say(i == 0 ? "" : ", ").key(sorted[i].colour_name(), kColours).say(" ").key(sorted[i].shape_name(), kShapes);
    answer.say(" ").key(sorted[i].from.name(), kPlaces);
  }
  answer.say(".");
}

Cell draw_free(const Scene& scene, Random& random) {
  std::vector<Cell> free;
  for (int64_t row = 0; row < kSide; ++row) {
    for (int64_t column = 0; column < kSide; ++column) {
      const Cell cell{column, row};
      if (std::none_of(scene.begin(), scene.end(), [&](const Object& object) { return object.from == cell; }))
        free.push_back(cell);
    }
  }
  return free[static_cast<size_t>(random.below(static_cast<int64_t>(free.size())))];
}

// Three times in four about an object, else about an empty cell.
void ask_at(const Scene& scene, Random& random, rows::Question& row) {
  std::vector<std::string> values = {"Nothing"};
  for (const std::string& colour : kColours) {
    for (const std::string& shape : kShapes) values.push_back("A " + colour + " " + shape);
  }
  const bool filled = random.chance(0.75);
  const Object& object = any_of(scene, random);
  row.question = "What is at " + (filled ? object.from : draw_free(scene, random)).name() + "?";
  Answer(row).key(filled ? "A " + object.name() : "Nothing", values).say(".");
}

void ask_where(const Scene& scene, Random& random, rows::Question& row) {
  const Object& object = any_of(scene, random);
  row.question = "Where is the " + object.colour_name() + " object?";
  Answer(row)
      .say("The " + object.colour_name() + " ")
      .key(object.shape_name(), kShapes)
      .say(" is at ")
      .key(object.from.name(), kPlaces)
      .say(".");
}

using AskPlain = void (*)(const Scene&, Random&, rows::Question&);
struct Type {
  std::string name;
  AskPlain ask;
};

const std::vector<Type>& plain_types() {
  static const std::vector<Type> types = {{"shape", ask_shape}, {"dir", ask_way},      {"mcq", ask_choice},
                                          {"order", ask_order}, {"cap", ask_caption},  {"path", ask_path},
                                          {"paths", ask_paths}, {"list", ask_list},    {"at", ask_at},
                                          {"where", ask_where}, {"option", ask_option}};
  return types;
}

rows::Question begun(const ScenesConfig& config, const std::string& type) {
  rows::Question row;
  row.format = "short";
  row.tags = {{"type", type}, {"distribution", config.distribution}};
  return row;
}

}  // namespace

const std::vector<std::string>& question_types(const std::string& kind) {
  static const std::vector<std::string> clips = {"shape", "dir", "mcq", "order", "exist", "cap", "path", "paths", "option"};
  static const std::vector<std::string> stills = {"list", "at", "where", "shape", "exist", "option"};
  return kind == "stills" ? stills : clips;
}

std::vector<std::string> standard_types(const std::string& kind) {
  std::vector<std::string> types = question_types(kind);
  types.resize(kind == "stills" ? 5 : 6);
  return types;
}

rows::Question ask(const ScenesConfig& config, const Scene& scene, const std::string& type, Random& random) {
  const Scene told = config.kind == "clips" ? reported(config, scene, random) : scene;
  rows::Question row = begun(config, type);
  if (type == "exist") {
    ask_exist(config, told, nullptr, random, row);
  } else {
    const auto found =
        std::find_if(plain_types().begin(), plain_types().end(), [&](const Type& t) { return t.name == type; });
    expect(found != plain_types().end(), "a question type that was checked exists");
    found->ask(told, random, row);
  }
  if (!config.style.empty() && row.format != "mcq" && row.format != "yesno") add_style(config.style, row);
  return row;
}

rows::Question ask_existence(const ScenesConfig& config, const Scene& scene, const Scene& seen, Random& random) {
  rows::Question row = begun(config, "exist");
  ask_exist(config, scene, &seen, random, row);
  return row;
}

}  // namespace rrpo::gen
