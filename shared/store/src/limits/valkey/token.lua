-- Takes a token of a count where all its windows have room. The count is kept as `c<taken>`, then ` <mark>=<taken>`
-- for each slot of each window: how many tokens had been taken when it began.
-- ARGV: for how many milliseconds the count is kept; then for each window the mark of the slot under way, the mark of
-- the first slot that counts, and the limit. Answers whether a token was taken, and the count since.
local held = redis.pcall('GET', KEYS[1])
-- What is no text fails, and is no count.
if type(held) ~= 'string' then held = '' end
local taken = tonumber(held:match('^c(%d+)')) or 0
local windows = {}
for i = 2, #ARGV, 3 do
    local letter = ARGV[i]:sub(1, 1)
    windows[letter] = {
        mark = ARGV[i], first = tonumber(ARGV[i + 1]:sub(2), 16), limit = tonumber(ARGV[i + 2]), before = taken,
    }
end
local marks, there = {}, {}
for letter, slot, before in held:gmatch(' (%l)(%x+)=(%d+)') do
    local window = windows[letter]
    if window and tonumber(slot, 16) >= window.first then
        window.before = math.min(window.before, tonumber(before))
        marks[#marks + 1] = ' ' .. letter .. slot .. '=' .. before
        there[letter .. slot] = true
    end
end
local allowed = 1
for _, window in pairs(windows) do
    if taken - window.before >= window.limit then allowed = 0 end
end
if allowed == 1 then
    for _, window in pairs(windows) do
        if not there[window.mark] then
            marks[#marks + 1] = string.format(' %s=%.0f', window.mark, taken)
        end
    end
    taken = taken + 1
end
local count = string.format('c%.0f', taken) .. table.concat(marks)
if allowed == 1 then redis.call('SET', KEYS[1], count, 'PX', ARGV[1]) end
return {allowed, count}
