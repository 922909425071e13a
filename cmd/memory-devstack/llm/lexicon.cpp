#include "cmd/memory-devstack/llm/lexicon.hpp"

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "cmd/memory-devstack/llm/text.hpp"

namespace mw::standin {
namespace {

using word_set = std::unordered_set<std::string>;
using word_map = std::unordered_map<std::string, std::string_view>;

/// A set from words parted by blanks.
word_set set_of(std::string_view list) {
  word_set set;
  for (const auto& w : words_of(list)) set.insert(w.folded);
  return set;
}

struct named_list {
  std::string_view name;
  std::string_view words;
};

word_map map_of(const std::vector<named_list>& lists) {
  word_map map;
  for (const auto& list : lists)
    for (const auto& w : words_of(list.words)) map.emplace(w.folded, list.name);
  return map;
}

constexpr std::string_view place_names =
    "Amsterdam|Athens|Barcelona|Basel|Berlin|Bern|Bilbao|Bologna|Bordeaux|Boston|Bremen|Bristol|"
    "Brussels|Budapest|Buenos Aires|Cádiz|Chicago|Cologne|Copenhagen|Córdoba|Dresden|Dublin|"
    "Edinburgh|Florence|Frankfurt|Geneva|Glasgow|Granada|Graz|Hamburg|Hannover|Helsinki|Innsbruck|"
    "Istanbul|Köln|Kyoto|Leipzig|Lille|Lima|Lisbon|Lisboa|Liverpool|London|Lübeck|Lyon|Madrid|"
    "Málaga|Manchester|Marseille|Melbourne|Mexico City|Milan|Montreal|Munich|München|Nantes|"
    "New York|Nuremberg|Nürnberg|Oslo|Osaka|Paris|Porto|Prague|Rome|Rotterdam|Salamanca|Salzburg|"
    "San Francisco|San Sebastián|Santiago|Seattle|Sevilla|Seville|Stockholm|Strasbourg|Stuttgart|"
    "Sydney|Tokyo|Toronto|Toulouse|Turin|Valencia|Venice|Vienna|Warsaw|Wien|Zaragoza|Zürich|Zurich|"
    "Argentina|Australia|Austria|Belgium|Brazil|Canada|Chile|China|Denmark|Deutschland|England|"
    "España|Finland|France|Frankreich|Germany|Greece|Iceland|India|Ireland|Italia|Italien|Italy|"
    "Japan|Mexico|México|Netherlands|Norway|Norwegen|Österreich|Peru|Poland|Portugal|Schottland|"
    "Schweden|Schweiz|Scotland|Spain|Spanien|Sweden|Switzerland|Turkey|Wales|Asturias|Andalucía|"
    "Bayern|Bretagne|Lake District|Lofoten|Ostsee|Provence|Sierra Nevada|Harz|Allgäu|Alps|Alpen|"
    "Pirineos|Pyrenees|Sicily|Tuscany|Camino de "
    "Santiago|Lissabon|Freiburg|Castellón|Mailand|Venedig|Warschau|Prag|Brüssel|"
    "Bonn|Kiel|Rostock|Potsdam|Cádiz|Murcia|Alicante|Nizza|Rom|";

word_map places() {
  word_map map;
  for (std::string_view rest = place_names; !rest.empty();) {
    const auto name = rest.substr(0, rest.find('|'));
    map.emplace(fold(name), name);
    rest.remove_prefix(name.size() + 1);
  }
  return map;
}

word_set first_names() {
  return set_of(
      "ada adam alba alejandro alex alice amelia amira ana andrea andreas anja anna anne antonio astrid ben "
      "bernd "
      "bettina bruno camille carla carlos carmen catherine cem charlotte chiara chloé clara claudia clemens "
      "daniel "
      "daniela david diego dieter dominik elena elif elisa emil emilia emily emma enrique erik esteban eva "
      "fatima "
      "felix fernando finn florian francesca francisco franz frida gabriel georg giulia gonzalo grace greta "
      "hanna "
      "hannah hans heike helena helga hugo ines inés ingrid irene isabel ivan jack jakob james jan jana "
      "javier "
      "jens jonas jorge josé joseph juan julia julian julien jürgen karin karl katharina katja klara klaus "
      "lars "
      "laura lea lena leo leon leonie lina linda lisa lola lotte louis lucas lucía luis luisa lukas manuel "
      "marc "
      "marco margarita maría maria marie mario markus marta martin mateo mathilde matthias max maya melanie "
      "mia "
      "michael miguel milan mira miriam moritz nadia nadine natalie nele niklas nina noah noemi nora oliver "
      "olivia "
      "omar oskar pablo paul paula pedro peter petra philipp pierre priya rachel rafael ramón raquel rebecca "
      "robert "
      "rosa ruth samir samira samuel sandra sara sarah sebastian sergio silvia simon sofía sofia sophie "
      "stefan "
      "steffi susanne sven tariq teresa theo thomas tim tobias tom ulrike uwe valentina vera victor viktor "
      "vincent "
      "walter yasmin yusuf");
}

word_map themes() {
  return map_of({
      {"running",
       "marathon run running runner jogging laufen halbmarathon half-marathon correr course courir"},
      {"cycling", "bike bicycle cycling fahrrad rennrad radtour bicicleta ciclismo vélo"},
      {"hiking", "hike hiking trail trek wandern wanderung senderismo montaña randonnée backpacking"},
      {"climbing", "climbing bouldering klettern bouldern escalada escalade"},
      {"travel",
       "trip travel travelling flight hotel itinerary train reise reisen urlaub zug viaje viajar vacaciones "
       "tren voyage vacances"},
      {"cooking",
       "cook cooking recipe kitchen dinner bake baking bread sourdough kochen rezept backen brot cocina "
       "cocinar receta paella pan cuisine recette cuisiner"},
      {"vegetarian food",
       "vegan vegetarian vegetarisch vegetarier vegetarierin vegetariano vegetariana végétarien"},
      {"coffee", "coffee espresso kaffee café"},
      {"gardening",
       "garden gardening tomatoes tomaten garten balkon huerto jardín jardin plantas plants pflanzen"},
      {"music",
       "music guitar piano song band concert jazz choir musik gitarre klavier chor konzert música guitarra "
       "coro concierto musique guitare violin cello geige"},
      {"books and reading",
       "books novel author buch bücher roman lesen libro libros novela leer livre "
       "lire"},
      {"film", "film films movie movies cinema kino película cine cinéma"},
      {"photography", "photo photos photography camera lens kamera fotografie fotografía cámara foto fotos"},
      {"language learning",
       "vocabulary grammar portuguese japanese vokabeln grammatik sprache vocabulario gramática "
       "idioma grammaire vocabulaire"},
      {"programming",
       "code coding program programming python rust javascript compiler debug api software "
       "programmieren programar programación backend frontend algorithm"},
      {"databases", "database sql postgres postgresql index query datenbank abfrage consulta redis"},
      {"machine learning", "model training dataset neural classifier regression modell datensatz"},
      {"work",
       "job boss meeting manager project colleague colleagues deadline arbeit chef chefin projekt kollege "
       "kollegin trabajo jefe jefa proyecto reunión travail"},
      {"job applications",
       "interview cv resume application bewerbung lebenslauf vorstellungsgespräch entrevista "
       "currículum"},
      {"teaching",
       "teach teacher teaching pupils class lehrer lehrerin unterricht schüler clase alumnos profesora "
       "profesor lesson lessons"},
      {"health",
       "doctor health pain knee injury sleep migraine arzt gesundheit knie schmerzen schlaf médico salud "
       "rodilla dolor dormir santé allergy allergic allergie"},
      {"nursing",
       "nurse hospital ward shift shifts krankenhaus pflege station nachtschicht enfermera hospital turno"},
      {"family",
       "family kids children wedding birthday familie kinder hochzeit geburtstag familia niños boda "
       "cumpleaños famille anniversaire"},
      {"pets", "dog cat puppy vet hund katze tierarzt perro gato chien chat"},
      {"money",
       "budget mortgage savings tax rent invoice miete steuer sparen alquiler ahorro impuestos loyer"},
      {"home",
       "flat apartment renovation furniture kitchen wohnung umzug renovieren möbel piso mudanza casa "
       "appartement"},
      {"astronomy", "telescope astronomy stars planets teleskop sterne astronomie telescopio estrellas"},
      {"board games", "boardgame chess catan schach ajedrez échecs brettspiele"},
      {"knitting", "knit knitting yarn wool sweater stricken wolle"},
      {"swimming", "swim swimming pool schwimmen nadar natación"},
      {"history", "history museum medieval geschichte historia histoire"},
  });
}

word_map relations() {
  return map_of({{"Sister", "sister schwester hermana soeur sœur"},
                 {"Brother", "brother bruder hermano frère"},
                 {"Mother", "mother mom mum mutter mama madre mère"},
                 {"Father", "father dad vater papa padre père"},
                 {"Wife", "wife ehefrau frau esposa mujer"},
                 {"Husband", "husband ehemann mann marido esposo mari"},
                 {"Partner", "partner partnerin pareja compagnon compagne"},
                 {"Girlfriend", "girlfriend novia copine"},
                 {"Boyfriend", "boyfriend novio copain"},
                 {"Friend", "friend freund freundin amigo amiga ami amie"},
                 {"Son", "son sohn hijo fils"},
                 {"Daughter", "daughter tochter hija fille"},
                 {"Cousin", "cousin cousine primo prima"},
                 {"Aunt", "aunt tante tía"},
                 {"Uncle", "uncle onkel tío oncle"},
                 {"Grandmother", "grandmother grandma oma großmutter abuela grand-mère"},
                 {"Grandfather", "grandfather grandpa opa großvater abuelo grand-père"}});
}

word_set positive_words() {
  return set_of(
      "thanks thank great love lovely perfect excellent wonderful happy glad excited amazing awesome helpful "
      "good "
      "nice enjoy enjoyed proud danke super toll perfekt wunderbar freue freut glücklich prima klasse schön "
      "gern "
      "gracias genial perfecto estupendo feliz encanta maravilloso bien contenta contento merci parfait "
      "super "
      "content contente heureux ravie");
}

word_set negative_words() {
  return set_of(
      "hate awful terrible bad sad angry annoyed annoying frustrated frustrating worried stressed tired "
      "wrong "
      "useless disappointed upset broken pain horrible worse worst schlecht furchtbar traurig wütend genervt "
      "nervt "
      "frustriert sorgen gestresst müde falsch enttäuscht schlimm schmerzen malo mal triste enfadada "
      "enfadado "
      "preocupada preocupado cansada cansado odio horrible fatal frustrada estresada mauvais triste fâché "
      "fatigué "
      "inquiet déçu");
}

word_set stop_words() {
  return set_of(
      "about after again also always and another anything because before being between could doesn't don't "
      "during "
      "every everything first from give going good have having hello help here i'd i'll i'm i've into it's "
      "just "
      "know like little long make maybe more most much need next only other over please question really said "
      "same "
      "should since some something still such sure take than thank thanks that that's their them then there "
      "these "
      "they thing things think this those through today together until very want week weeks well were what "
      "when "
      "where which while will with without would year years your you're aber alle alles also andere auch "
      "bitte "
      "dann danke dass dein deine diese dieser doch eigentlich eine einen einer eines etwas fragen für ganz "
      "geht "
      "gerne habe haben hallo heute ich immer jetzt kann kannst kein keine können mein meine meinen meiner "
      "mich "
      "mehr mein mir mit muss nach nicht noch nur oder schon sehr sein sich sind über und viel vielleicht "
      "wäre was "
      "welche wenn werde werden wie wieder will wirklich wird wochen würde zum zur algo algún antes aunque "
      "bueno "
      "como cómo creo cuando cuál desde después donde ella ellos entonces entre eres esta está este esto "
      "estoy "
      "gracias hace hacer hasta hola luego mejor menos mucho muchos muy nada ninguna nunca otra otro para "
      "pero "
      "poco podría porque puede puedo puedes qué quiero sería siempre sobre solo también tengo tiene todo "
      "todos "
      "una unas unos vale voy alors aussi avec avoir bien c'est cela comme dans déjà elle être faire j'ai "
      "mais "
      "merci moins notre nous parce peut plus pour quand quel quelle sans sont sur toujours tous tout très "
      "une "
      "vais votre vous");
}

}  // namespace

std::optional<std::string_view> place_named(std::string_view folded) {
  static const word_map map = places();
  const auto found = map.find(std::string{folded});
  return found == map.end() ? std::nullopt : std::optional{found->second};
}

bool is_first_name(std::string_view folded) {
  static const word_set set = first_names();
  return set.contains(std::string{folded});
}

bool is_title(std::string_view folded) {
  static const word_set set =
      set_of("mr mrs ms dr doctor professor prof frau herr señor señora monsieur madame doctora");
  return set.contains(std::string{folded});
}

std::optional<std::string_view> theme_of(std::string_view folded) {
  static const word_map map = themes();
  const auto found = map.find(std::string{folded});
  return found == map.end() ? std::nullopt : std::optional{found->second};
}

std::optional<std::string_view> relation_of(std::string_view folded) {
  static const word_map map = relations();
  const auto found = map.find(std::string{folded});
  return found == map.end() ? std::nullopt : std::optional{found->second};
}

bool is_my(std::string_view folded) {
  static const word_set set = set_of("my mein meine meiner meinem meinen mi mis ma mon mes");
  return set.contains(std::string{folded});
}

int feeling_of(std::string_view folded) {
  static const word_set positive = positive_words();
  static const word_set negative = negative_words();
  const std::string key{folded};
  return positive.contains(key) ? 1 : negative.contains(key) ? -1 : 0;
}

bool is_negation(std::string_view folded) {
  static const word_set set =
      set_of("not no never don't isn't wasn't can't didn't nicht kein keine nie nunca ne pas n'est");
  return set.contains(std::string{folded});
}

bool is_stop_word(std::string_view folded) {
  static const word_set set = stop_words();
  return set.contains(std::string{folded});
}

bool is_filler(std::string_view folded) {
  static const word_set set = set_of(
      "really also absolutely always still just quite usually sehr auch wirklich mucho también vraiment "
      "aussi "
      "beaucoup mir bitte please now currently aktuell momentan gerade derzeit ahora maintenant total "
      "particularly simply");
  return set.contains(std::string{folded});
}

}  // namespace mw::standin
