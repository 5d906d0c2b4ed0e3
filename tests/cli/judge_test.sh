#!/usr/bin/env bash
# rrpo-gen with a language model as judge and rewriter: the built program, the toy base, and a server on the loopback address.
#
#   tests/cli/judge_test.sh BUILD_FOLDER MOCK_JUDGE
mock="$(realpath "$2")"
source "$(dirname "$0")/checks.sh" "$1"
export no_proxy=127.0.0.1 RRPO_TEST_KEY=sk-planted-0123456789abcdef

# serve MODE: starts a server; `url` is its base, and request.log what it was asked.
serve() {
  rm -f url request.log
  exec 9> >(exec "$mock" "$1" url request.log >/dev/null 2>&1)
  server=$!
  for _ in $(seq 200); do [ -s url ] && break || sleep 0.05; done
  url="$(cat url)"
}
unserve() { exec 9>&- && wait "$server"; }
requests() { grep -c '^request' request.log; }
# adds_up FOLDER: every question has one state, every pair is one of them, and the states add up.
adds_up() {
  lines "$1/ledger.jsonl" "$questions"
  [ "$(grep -c '"state":"pair"' "$1/ledger.jsonl")" = "$(wc -l <"$1/pairs.jsonl")" ] || fault "$1: pairs and ledger disagree"
  says "$1/run.json" "\"total\": $questions"
}

say "a world"
runs 0 "$gen" scenes --out world count=12 seed=5 --quiet
questions="$(wc -l <world/questions.jsonl)"
common=(model.path="$root/data/toy/base" video.frames=8 gen.questions=world/questions.jsonl gen.max_new_tokens=40 device=cpu
  --quiet gen.judge=llm gen.rewrite=llm gen.llm.model=mock gen.llm.key_env=RRPO_TEST_KEY 'gen.llm.formats=["open","short"]'
  gen.llm.retries=2 gen.llm.backoff_s=0.01 gen.llm.concurrency=3 gen.balance=false)

say "wrong usage"
runs 2 "$gen" --out never "${common[@]}"
says err.txt "gen.llm.endpoint"
runs 2 "$gen" --out never "${common[@]}" "gen.llm.endpoint=http://me:hunter2@127.0.0.1/v1"
! grep -q hunter2 err.txt || fault "a password is in the error line"
runs 3 "$gen" --out never "${common[@]}" gen.llm.replay=absent.jsonl
runs 0 "$gen" --help
for name in gen.llm.endpoint gen.llm.replay gen.max_unjudged "judges (gen.judge)" "in two"; do says out.txt "$name"; done
[ ! -e never ] || fault "wrong usage left a result"

say "a good judge"
serve good
runs 0 "$gen" --dry-run "${common[@]}" gen.llm.endpoint="$url"
most="$(sed -n 's/.*"requests_at_most":\([0-9]*\).*/\1/p' out.txt)"
[ "$(requests)" = 0 ] || fault "--dry-run sent requests"
runs 0 "$gen" --out online "${common[@]}" gen.llm.endpoint="$url"
adds_up online
asked="$(requests)"
[ "$asked" -gt 0 ] && [ "$asked" -le "$most" ] || fault "$asked requests, at most $most were said"
lines online/judgements.jsonl "$asked"
grep -q '"judge":"llm".*"rewrite":"llm","llm":{"model":"mock","prompts":\["[0-9a-f]' online/pairs.jsonl || fault "no pair of the language model"
grep -q '"judge":"rules".*"rewrite":"slots"' online/pairs.jsonl || fault "no pair of the rules"
runs 0 "$gen" --out online "${common[@]}" gen.llm.endpoint="$url" --resume
[ "$(requests)" = "$asked" ] || fault "a finished run asked again"
unserve
grep -q "^key Bearer $RRPO_TEST_KEY" request.log || fault "the key did not reach the server"
[ "$(sed -n 's/^at once //p' request.log)" -le 3 ] || fault "more requests at once than gen.llm.concurrency"

say "the same without a server"
runs 0 "$gen" --out offline "${common[@]}" gen.llm.replay=online/judgements.jsonl
for file in responses pairs ledger; do same online/$file.jsonl offline/$file.jsonl; done
[ ! -e offline/judgements.jsonl ] || fault "a replay left judgements"
runs 2 "$gen" --out online "${common[@]}" gen.llm.replay=online/judgements.jsonl --overwrite
says err.txt "gen.llm.replay"

say "in two parts, and one pair again"
serve good
for part in 0 1; do runs 0 "$gen" --out "part$part" "${common[@]}" gen.llm.endpoint="$url" "gen.shard=$part/2"; done
[ "$(requests)" = "$asked" ] || fault "two parts asked $(requests) times, one run $asked"
unserve
runs 0 "$gen" merge part0 part1 --out merged --quiet
for file in responses pairs ledger; do same online/$file.jsonl merged/$file.jsonl; done
lines merged/judgements.jsonl "$asked"
pair="$(grep -m 1 '"judge":"llm"' merged/pairs.jsonl | sed 's/.*"id":"\([^"]*\)".*/\1/')"
runs 0 "$gen" replay --id "$pair" merged --out again --quiet
says out.txt "same bytes as"

# A folder as a run leaves it that has all responses and no judgement.
fresh() {  # NAME: a run that has its responses and was stopped before it asked
  cp -r online "$1"
  rm -f "$1"/{judgements,ledger,pairs}.jsonl "$1/report.html"
  sed -i 's/"state": "finished"/"state": "stopped"/' "$1/run.json"
}

say "a judge that fails at some questions"
serve partial
fresh partial
runs 8 "$gen" --out partial "${common[@]}" gen.llm.endpoint="$url" --resume
says err.txt "error: judge: "
says err.txt "HTTP 500 (3 tries)"
adds_up partial
unjudged="$(grep -c '"state":"unjudged"' partial/ledger.jsonl)"
[ "$unjudged" -gt 0 ] || fault "nothing is unjudged"
fresh allowed
runs 0 "$gen" --out allowed "${common[@]}" gen.llm.endpoint="$url" gen.max_unjudged="$unjudged" --resume
adds_up allowed
unserve
runs 8 "$gen" --out replayed "${common[@]}" gen.llm.replay=partial/judgements.jsonl
for file in pairs ledger; do same partial/$file.jsonl replayed/$file.jsonl; done
serve good
runs 0 "$gen" --out partial "${common[@]}" gen.llm.endpoint="$url" --resume
[ "$(requests)" -lt "$asked" ] || fault "everything was asked again"
for file in pairs ledger; do same online/$file.jsonl partial/$file.jsonl; done
unserve

say "a judge that is not there"
serve unauthorised
fresh refused
runs 6 "$gen" --out refused "${common[@]}" gen.llm.endpoint="$url" --resume
says err.txt "(HTTP 401); 0 verdicts kept; fix: "
[ "$(requests)" -le 3 ] || fault "a server that refuses was asked $(requests) times"
unserve
serve down
runs 6 "$gen" --out refused "${common[@]}" gen.llm.endpoint="$url" --resume
says err.txt "(HTTP 500 (3 tries)); 0 verdicts kept; fix: "
[ ! -e refused/pairs.jsonl ] || fault "pairs without a judge"
says refused/run.json '"state": "failed"'
unserve
serve good
runs 0 "$gen" --out refused "${common[@]}" gen.llm.endpoint="$url" --resume
for file in pairs ledger; do same online/$file.jsonl refused/$file.jsonl; done
unserve

say "a stop while the judge thinks"
serve hanging
fresh stopped
"$gen" --out stopped "${common[@]}" gen.llm.endpoint="$url" --resume >out.txt 2>err.txt </dev/null &
process=$!
for _ in $(seq 300); do [ "$(requests)" -ge 13 ] && break || sleep 0.05; done
kill -TERM "$process"
got=0 && wait "$process" || got=$?
[ "$got" = 143 ] || fault "SIGTERM: exit $got instead of 143"
lines stopped/judgements.jsonl 10
unserve
serve good
runs 0 "$gen" --out stopped "${common[@]}" gen.llm.endpoint="$url" --resume
[ "$(requests)" = $((asked - 10)) ] || fault "$(requests) requests after a stop, not $((asked - 10))"
for file in pairs ledger; do same online/$file.jsonl stopped/$file.jsonl; done
unserve

rm -f request.log
! grep -rqF "$RRPO_TEST_KEY" . || fault "the key is in: $(grep -rlF "$RRPO_TEST_KEY" . | tr '\n' ' ')"

verdict
