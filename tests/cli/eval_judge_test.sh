#!/usr/bin/env bash
# rrpo-eval score with a language model as judge of TempCompass's replies: the built program, predictions made by hand, and a
# server on the loopback address.
#
#   tests/cli/eval_judge_test.sh BUILD_FOLDER MOCK_JUDGE
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
# verdict_of FOLDER SCORER ID: as verdicts.jsonl has it.
verdict_of() { sed -n "s|^{\"id\":\"$3\",\"scorer\":\"$2\",\"verdict\":\"\([a-z]*\)\".*|\1|p" "$1/verdicts.jsonl"; }
is() { [ "$(verdict_of "$1" "$2" "$3")" = "$4" ] || fault "$1: $2 on $3 is '$(verdict_of "$1" "$2" "$3")', not $4"; }

say "questions and predictions"
# row ID TASK FORMAT QUESTION ANSWER KEY REPLY [MORE] [MORE OF THE ANSWER]
row() {
  printf '{"id":"%s","benchmark":"tempcompass","task":"%s","format":"%s","video":"v.mp4",' "$1" "$2" "$3" >>q.jsonl
  printf '"question":"%s","answer":{"text":"%s","keys":["%s"]%s}%s}\n' "$4" "$5" "$6" "${9:-}" "${8:-}" >>q.jsonl
  printf '{"id":"%s","raw":"%s"}\n' "$1" "$7" >>p.jsonl
}
options='"options":[{"key":"A","text":"left"},{"key":"B","text":"right"}]'
for i in 1 2 3 4 5 6; do
  row "mc$i" multi-choice mcq 'Where?\nA. left\nB. right' 'A. left' A "clip $i goes left" ",$options,\"options_inline\":true"
done
row letter multi-choice mcq 'Where?\nA. left\nB. right' 'A. left' A B ",$options,\"options_inline\":true"
row yes yes_no yesno 'Does it move?' yes yes 'yes, it does'
row open yes_no yesno 'Does it move?' yes yes 'who knows'
for i in 1 2 3; do
  row "cap$i" captioning caption_gen 'Write a caption.' 'B. right' B "clip $i goes to the left" \
    "" ',"aux":{"mc_question":"Where?\nA. left\nB. right","mc_answer":"A. left"}'
done
common=(--questions q.jsonl --predictions p.jsonl --quiet 'scorers=["rrpo","official","lmms"]')
llm=(judge=llm llm.model=mock llm.key_env=RRPO_TEST_KEY llm.retries=2 llm.backoff_s=0.01 llm.concurrency=3)

say "nobody judges"
runs 0 "$eval" score --out alone "${common[@]}"
is alone official mc1 unjudged
is alone official letter wrong
is alone rrpo letter unjudged
[ ! -e alone/judgements.jsonl ] || fault "judgements without a judge"

say "wrong usage"
runs 2 "$eval" score --out never "${common[@]}" "${llm[@]}"
says err.txt "llm.endpoint"
runs 2 "$eval" score --out never "${common[@]}" "${llm[@]}" llm.model=
runs 2 "$eval" score --out never "${common[@]}" judge=somebody
runs 2 "$eval" score --out never "${common[@]}" "${llm[@]}" "llm.endpoint=http://me:hunter2@127.0.0.1/v1"
! grep -q hunter2 err.txt || fault "a password is in the error line"
runs 3 "$eval" score --out never "${common[@]}" "${llm[@]}" llm.replay=absent.jsonl
runs 3 "$eval" score --out never "${common[@]}" "${llm[@]}" llm.endpoint=http://127.0.0.1:1/v1 judge_prompts=absent
says err.txt "multi-choice.txt: is not there"
[ ! -e never ] || fault "wrong usage left a result"
runs 0 "$eval" --help
for name in eval.judge eval.judge_prompts eval.llm.endpoint eval.llm.replay '{"top_p":1,"presence_penalty":1}'; do
  says out.txt "$name"
done

say "a good judge"
serve good
runs 0 "$eval" score --dry-run "${common[@]}" "${llm[@]}" llm.endpoint="$url"
says out.txt '"requests_at_most":11'
[ "$(requests)" = 0 ] || fault "--dry-run sent requests"
runs 0 "$eval" score --out online "${common[@]}" "${llm[@]}" llm.endpoint="$url"
[ "$(requests)" = 11 ] || fault "$(requests) requests, not 11"
lines online/judgements.jsonl 11
for scorer in official rrpo; do
  is online $scorer mc1 right
  is online $scorer cap1 right
  is online $scorer yes right
  is online $scorer open unjudged # the mock cannot tell
done
is online rrpo letter wrong
is online lmms mc1 unjudged
grep -q 'own wording of the judge' online/report.md || fault "the report does not say whose wording it was"
says online/scores.json '"wording": "ours"'
says out.txt '"judge":{"asked":11,"judged":10,"neither":1,"silent":0}'
says online/verdicts.jsonl 'the judge: neither Correct nor Incorrect'
runs 0 "$eval" score --out online "${common[@]}" "${llm[@]}" llm.endpoint="$url" --resume
[ "$(requests)" = 11 ] || fault "a finished run asked again"
unserve
grep -q "^key Bearer $RRPO_TEST_KEY" request.log || fault "the key did not reach the server"
[ "$(sed -n 's/^at once //p' request.log)" -le 3 ] || fault "more requests at once than llm.concurrency"

say "the same without a server"
runs 0 "$eval" score --out offline "${common[@]}" "${llm[@]}" llm.replay=online/judgements.jsonl
for file in verdicts.jsonl scores.json; do same online/$file offline/$file; done
[ ! -e offline/judgements.jsonl ] || fault "a replay left judgements"
runs 2 "$eval" score --out online "${common[@]}" "${llm[@]}" llm.replay=online/judgements.jsonl --overwrite
says err.txt "llm.replay"
runs 8 "$eval" score --out other "${common[@]}" "${llm[@]}" llm.replay=online/judgements.jsonl llm.model=another
says err.txt "no reply about 11 of 11"

say "another wording"
mkdir wording
for task in multi-choice yes_no caption_matching captioning; do echo "Judge." >"wording/$task.txt"; done
serve good
runs 0 "$eval" score --out worded "${common[@]}" "${llm[@]}" llm.endpoint="$url" judge_prompts=wording
says worded/scores.json '"wording": "other"'
says worded/report.md 'another wording than the published one'
unserve

say "a judge that fails at some replies"
serve partial
runs 8 "$eval" score --out partial "${common[@]}" "${llm[@]}" llm.endpoint="$url"
says err.txt "error: judge: no reply about "
says err.txt "HTTP 500 (3 tries)"
silent="$(grep -c '"status":"failed"' partial/judgements.jsonl)"
[ "$silent" -gt 0 ] && [ "$silent" -lt 11 ] || fault "$silent of 11 got no reply"
says out.txt "\"silent\":$silent}"
unserve
runs 8 "$eval" score --out replayed "${common[@]}" "${llm[@]}" llm.replay=partial/judgements.jsonl
for file in verdicts.jsonl scores.json; do same partial/$file replayed/$file; done
serve good
runs 0 "$eval" score --out partial "${common[@]}" "${llm[@]}" llm.endpoint="$url" --resume
[ "$(requests)" = "$silent" ] || fault "$(requests) asked again, not $silent"
for file in verdicts.jsonl scores.json; do same online/$file partial/$file; done
unserve

say "a judge that is not there"
serve unauthorised
runs 6 "$eval" score --out refused "${common[@]}" "${llm[@]}" llm.endpoint="$url"
says err.txt "(HTTP 401); 0 verdicts kept; fix: see llm.endpoint"
[ "$(requests)" -le 3 ] || fault "a server that refuses was asked $(requests) times"
unserve
is refused official yes right # what needs no judge is there
is refused official mc1 unjudged
is refused official letter wrong
says refused/run.json '"state": "failed"'
serve good
runs 0 "$eval" score --out refused "${common[@]}" "${llm[@]}" llm.endpoint="$url" --resume
for file in verdicts.jsonl scores.json; do same online/$file refused/$file; done
unserve

say "a stop while the judge thinks"
serve hanging
"$eval" score --out stopped "${common[@]}" "${llm[@]}" llm.endpoint="$url" >out.txt 2>err.txt </dev/null &
process=$!
for _ in $(seq 300); do
  [ "$(requests)" -ge 11 ] && [ "$(wc -l <stopped/judgements.jsonl)" = 10 ] && break || sleep 0.05
done
kill -TERM "$process"
got=0 && wait "$process" || got=$?
[ "$got" = 143 ] || fault "SIGTERM: exit $got instead of 143"
lines stopped/judgements.jsonl 10
[ ! -e stopped/verdicts.jsonl ] || fault "verdicts of a run that was stopped"
unserve
serve good
runs 0 "$eval" score --out stopped "${common[@]}" "${llm[@]}" llm.endpoint="$url" --resume
[ "$(requests)" = 1 ] || fault "$(requests) requests after a stop, not 1"
for file in verdicts.jsonl scores.json; do same online/$file stopped/$file; done
unserve

rm -f request.log
! grep -rqF "$RRPO_TEST_KEY" . || fault "the key is in: $(grep -rlF "$RRPO_TEST_KEY" . | tr '\n' ' ')"

verdict
