"""Every picture of the product: drawn by the service as SVG, from numbers to finished words, in one place.

| chart | module | shows |
|---|---|---|
| interval bar | `interval` | P10–P50–P90 against the quota, what is booked and the result, in a row of the board |
| fan | `fan` | what was forecast in each week of the period, what was booked meanwhile, and the result |
| scale | `scale` | several numbers about one result: a forecast's range, what people said, what is wanted |
| waterfall | `waterfall` | the parts of a forecast, which add up |
| gap | `gap` | the way from plan to attainment, conditions hollow and behaviours solid |
| effects | `effects` | effects with their intervals around zero; figures that mislead have another shape |
| event study | `event_study` | an effect in each period before and after a program |
| bars, push bar | `bars` | one measure of several side by side; the push and pull of a part |
| lines | `lines` | a measure over the weeks of a period |
| reliability | `reliability` | how often something happened against how likely it was said to be |
| shares | `shares` | shares with their intervals against the share that there should be |
| progress | `progress` | how far an objective is reached, beside the forecast's range and what is usual by now |
| spread | `spread` | how hard quotas are in a group, before hollow and after solid |
| sparkline | `sparkline` | one number over weeks, the size of a word: each rep's chance on the board |

`svg` holds the pieces they are made of. All keep the same rules: a title and a description for those who do not see
it (the page puts a table behind it), shapes and words that say what a colour says, classes instead of styles (the
content policy forbids those), and colours that the stylesheet's tokens give. `tests/golden/charts` holds each of them
in several shapes: empty, a single value, negative, huge, without a quota.
"""
