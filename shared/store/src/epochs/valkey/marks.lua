-- Puts a writer's mark on keys, or takes it off and moves their epochs; the marks of other writers stay.
-- ARGV: the writer, and for how many milliseconds its mark is to stand: 0 takes it off.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local writer, stands = ARGV[1], tonumber(ARGV[2])
for _, key in ipairs(KEYS) do
    local marks, last = {}, 0
    -- What is no text fails, and holds no marks.
    local held = redis.pcall('GET', key)
    if type(held) == 'string' and held:sub(1, 1) == 'm' then
        for of, ends in held:gmatch(' (%x+)@(%d+)') do
            if of ~= writer and tonumber(ends) > now then
                marks[#marks + 1] = ' ' .. of .. '@' .. ends
                last = math.max(last, tonumber(ends))
            end
        end
    end
    if stands > 0 then
        last = math.max(last, now + stands)
        marks[#marks + 1] = string.format(' %s@%.0f', writer, now + stands)
    end
    if #marks == 0 then
        redis.call('DEL', key)
    else
        redis.call('SET', key, 'm' .. table.concat(marks), 'PX', string.format('%.0f', last - now))
    end
end
return #KEYS
