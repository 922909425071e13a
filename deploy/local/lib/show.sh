# What the run script prints of the stored memories, read through the Memory API. Needs $api (its base URL).

api_get() { curl -sS -f --max-time 5 "$api/api/memory/users/$1"; }
url_part() { jq -rn --arg text "$1" '$text | @uri'; }

# Id of the last message that the stored record covers; empty when there is no record.
stored_through() { # USER SESSION
  api_get "$(url_part "$1")/conversations/$(url_part "$2")" 2>/dev/null | jq -r '.through.id // empty' 2>/dev/null
}

wrapped() { fold -s -w 92 | sed 's/^/      /'; }

show_profile() { # USER
  echo
  echo "  What is remembered about $1"
  api_get "$(url_part "$1")/memories" | jq -r '
    {personal_preferences: "How to address them", output_preferences: "Answers", assistant_preferences: "Assistant",
     work_profile: "Work", knowledge: "Knowledge", interests: "Interests", dislikes: "Dislikes",
     family_and_friends: "Family and friends", goals: "Goals"} as $names
    | . as $profile
    | [$names | to_entries[] | select(($profile[.key] // []) | length > 0)
       | "    \(.value + " " * (20 - (.value | length)))\($profile[.key] | join("; "))"]
    | if length == 0 then "    nothing yet" else .[] end'
}

show_conversation() { # USER SESSION TITLE
  local record
  record=$(api_get "$(url_part "$1")/conversations/$(url_part "$2")") || return 0
  echo
  echo "    $3"
  jq -r '.summary' <<<"$record" | wrapped
  jq -r '[(if .themes | length > 0 then "themes: \(.themes | join(", "))" else empty end),
          (if .persons | length > 0 then "people: \(.persons | join(", "))" else empty end),
          (if .places | length > 0 then "places: \(.places | join(", "))" else empty end),
          "mood: \(.user_sentiment)"] | "      (\(join("; ")))"' <<<"$record"
}

# Why the worker is not well, in words, from its own health report; says nothing when it is well.
why_not_ready() { # WORKER_URL
  local body
  body=$(curl -sS --max-time 5 "$1/health/ready" 2>/dev/null) || { echo "memory-worker does not answer" && return 0; }
  jq -r '[.parts | to_entries[] | select(.value.state | . == "starting" or . == "down" or . == "stopping")
          | "\(.key) is \(.value.state)" + (if .value.detail == "" then "" else " (\(.value.detail))" end)] | join("; ")' \
    <<<"$body" 2>/dev/null || echo "$body"
}
