"""The formulas that Microsoft's article on automatic scaling shows, of 2017 and of today."""

ARTICLE = {
    "quick example of 2017": """
        $averageActiveTaskCount = avg($ActiveTasks.GetSample(TimeInterval_Minute * 15));
        $TargetDedicated = min(10, $averageActiveTaskCount);""",
    "three requirements of 2017": """
        $totalNodes = (min($CPUPercent.GetSample(TimeInterval_Minute * 10)) > 0.7) ?
            ($CurrentDedicated * 1.1) : $CurrentDedicated;
        $totalNodes = (avg($CPUPercent.GetSample(TimeInterval_Minute * 60)) < 0.2) ?
            ($CurrentDedicated * 0.9) : $totalNodes;
        $TargetDedicated = min(400, $totalNodes)""",
    "weekday": "$TargetDedicated = (time().weekday == 1 ? 5:1);",
    "working hours": """
        $curTime = time();
        $workHours = $curTime.hour >= 8 && $curTime.hour < 18;
        $isWeekday = $curTime.weekday >= 1 && $curTime.weekday <= 5;
        $isWorkingWeekdayHour = $workHours && $isWeekday;
        $TargetDedicatedNodes = $isWorkingWeekdayHour ? 20:10;
        $NodeDeallocationOption = taskcompletion;""",
    "pending tasks with a minimum of samples": """
        startingNumberOfVMs = 1;
        maxNumberofVMs = 25;
        pendingTaskSamplePercent = $PendingTasks.GetSamplePercent(180 * TimeInterval_Second);
        pendingTaskSamples = pendingTaskSamplePercent < 70 ?
            startingNumberOfVMs : avg($PendingTasks.GetSample(180 * TimeInterval_Second));
        $TargetDedicatedNodes = min(maxNumberofVMs, pendingTaskSamples);
        $NodeDeallocationOption = taskcompletion;""",
    "low priority nodes under preemption": """
        maxNumberofVMs = 25;
        $TargetDedicatedNodes = min(maxNumberofVMs, $PreemptedNodeCount.GetSample(180 * TimeInterval_Second));
        $TargetLowPriorityNodes = min(maxNumberofVMs, maxNumberofVMs - $TargetDedicatedNodes);
        $NodeDeallocationOption = taskcompletion;""",
    "accumulated tasks": """
        $samples = $ActiveTasks.GetSamplePercent(TimeInterval_Minute * 15);
        $tasks = $samples < 70 ? max(0, $ActiveTasks.GetSample(1)) :
            max( $ActiveTasks.GetSample(1), avg($ActiveTasks.GetSample(TimeInterval_Minute * 15)));
        $targetVMs = $tasks > 0 ? $tasks : max(0, $TargetDedicatedNodes / 2);
        cappedPoolSize = 20;
        $TargetDedicatedNodes = max(0, min($targetVMs, cappedPoolSize));
        $NodeDeallocationOption = taskcompletion;""",
    "parallel tasks": """
        $samples = $ActiveTasks.GetSamplePercent(TimeInterval_Minute * 15);
        $tasks = $samples < 70 ? max(0, $ActiveTasks.GetSample(1)) :
            max($ActiveTasks.GetSample(1), avg($ActiveTasks.GetSample(TimeInterval_Minute * 15)));
        $maxTasksPerVM = 4;
        $round = $maxTasksPerVM - 1;
        $targetVMs = $tasks > 0 ? ($tasks + $round) / $maxTasksPerVM : max(0, $TargetDedicatedNodes / 2);
        $TargetDedicatedNodes = max(0, min($targetVMs, 3));
        $NodeDeallocationOption = taskcompletion;""",
    "initial size, then tasks": """
        $TargetDedicatedNodes = 4;
        lifespan         = time() - time("2026-11-21T12:00:00Z");
        span             = TimeInterval_Minute * 60;
        startup          = TimeInterval_Minute * 10;
        ratio            = 50;
        $TargetDedicatedNodes = (lifespan > startup ?
            (max($RunningTasks.GetSample(span, ratio), $ActiveTasks.GetSample(span, ratio)) == 0 ? 0 :
            $TargetDedicatedNodes) : 4);""",
    "low priority for everything": """
        sample = avg($PendingTasks.GetSample(TimeInterval_Minute));
        $TargetLowPriorityNodes = sample;""".replace("TimeInterval_Minute)", "TimeInterval_Minute * 3)"),
}
