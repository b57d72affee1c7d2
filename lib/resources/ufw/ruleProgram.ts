/**
 * The shell functions by which rules of ufw are put in their place and taken away.
 */
import { REQUIRE_UFW } from './host.ts'

/**
 * Functions of awk: `take_apart()` leaves the fields of a tuple in the line and sets `route`, `action` and `number`,
 * that of the rule in ufw(8): it numbers the tuples of one application profile as one rule.
 */
const TUPLES = `function take_apart(   profile) {
      sub(/^### tuple ### /, ""); sub(/ comment=[0-9a-f]*$/, "")
      route = sub(/^route:/, "") ? "route:" : ""
      action = $1; sub(/_.*/, "", action)
      sub(/^[a-z_-]+ /, "")
      profile = NF == 8 ? ($6 == "-" ? $2 : $6) " " $3 " " ($7 == "-" ? $4 : $7) " " $5 " " $8 : ""
      if (profile == "" || !(profile in profiles)) number++
      if (profile != "") profiles[profile]
    }`

/**
 * - `put FAMILY TUPLE LATER ACTION WORD…` adds or changes a rule; a new one goes before the first of LATER, tuples one
 *   per line, and before one of another hand that covers it with another action.
 * - `take FAMILY TUPLE` deletes it, by its number: ufw(8) reports success for a rule that it does not find.
 *
 * ufw numbers IPv6 rules after the IPv4 ones.
 */
export const FUNCTIONS = `${REQUIRE_UFW}
rules_of() { if [ "$1" = ipv6 ]; then echo /etc/ufw/user6.rules; else echo /etc/ufw/user.rules; fi; }
# count_of FAMILY: how many rules there are.
count_of() {
  awk '${TUPLES}
    /^### tuple ### / { take_apart() }
    END { print number + 0 }' "$(rules_of "$1")"
}
# How many rules come before those of a family.
base_of() { if [ "$1" = ipv6 ]; then count_of ipv4; else echo 0; fi; }
# number_of FAMILY TUPLE: number of the rule among all; nothing when there is none.
number_of() {
  awk -v base="$(base_of "$1")" -v wanted="$2" '${TUPLES}
    /^### tuple ### / { take_apart(); if (route $0 == wanted) { print base + number; exit } }' "$(rules_of "$1")"
}
# place_of FAMILY TUPLE LATER ACTION: where a new rule is to be inserted; nothing for the end. To insert, ufw counts
# tuples and not rules, takes no place beyond the number of rules, and takes none amid the tuples of a profile.
place_of() {
  if [ "$1" = ipv6 ]; then o_declared=$declared_ipv6; else o_declared=$declared_ipv4; fi
  printf '%s\\n' "$3" '' "$o_declared" | awk -v base="$(base_of "$1")" -v most="$(count_of "$1")" -v own="$2" -v wanted="$4" '${TUPLES}
    function any(field) { return field == "any" || field == "0.0.0.0/0" || field == "::/0" }
    function lists(all, some,   i, n, parts) {
      n = split(some, parts, ",")
      for (i = 1; i <= n; i++) if (!index("," all ",", "," parts[i] ",")) return 0
      return 1
    }
    # Interfaces: in_eth0!out_eth1; without any, only the direction, and of a routed rule nothing.
    function where(theirs,   i, n, parts) {
      n = split(theirs, parts, "!")
      for (i = 1; i <= n; i++)
        if (parts[i] ~ /_/ ? !index("!" mine[6] "!", "!" parts[i] "!") : !routed && index(mine[6], parts[i]) != 1) return 0
      return 1
    }
    function covers(   i) {
      for (i = 1; i <= 5; i++) if (!any($i) && $i != mine[i] && !((i == 2 || i == 4) && lists($i, mine[i]))) return 0
      return where($NF)
    }
    BEGIN { routed = sub(/^route:/, "", own); split(own, mine, " "); own = (routed ? "route:" : "") own }
    NR == FNR { if ($0 == "") known = 1; else if (known) declared[$0]; else later[$0]; next }
    /^### tuple ### / {
      n++
      take_apart()
      profile = NF == 8 ? $3 " " $5 " " $6 " " $7 : ""
      if (profile == "" || profile != last) first = n
      last = profile
      tuple = route $0
      foreign = (NF == 6 || NF == 8) && !(tuple in declared) && action != wanted && (route != "") == (routed != 0)
      if (tuple in later || (foreign && covers())) { print base + (first < most ? first : most); exit }
    }' - "$(rules_of "$1")"
}
put() {
  p_family=$1 p_tuple=$2 p_later=$3 p_at=
  shift 3
  [ -n "$(number_of "$p_family" "$p_tuple")" ] || p_at=$(place_of "$p_family" "$p_tuple" "$p_later" "$1")
  case $p_tuple in route:*) p_route=route ;; *) p_route= ;; esac
  ufw $p_route \${p_at:+insert "$p_at"} "$@"
}
take() {
  t_number=$(number_of "$1" "$2")
  [ -z "$t_number" ] || ufw --force delete "$t_number"
}`

export const RELOAD = "if grep -q '^ENABLED=yes' /etc/ufw/ufw.conf; then ufw reload; fi"
