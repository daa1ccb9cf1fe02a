// Checks what a program needs to get lots from the daemon, and says what to click. Drag it onto a chart; the findings
// are in the Experts tab of the Toolbox.
#property copyright "lotbridge"
#property version   "1.00"
#property strict
#property script_show_inputs
#include <LotBridge/Doctor.mqh>

input string InpAddress  = "tcp://127.0.0.1:5757"; // Address of the daemon
input string InpUser     = "";                     // User, where the daemon asks for one
input string InpPassword = "";                     // Password

void OnStart() {
   LbDoctor doctor;
   int problems = doctor.Run(InpAddress, InpUser, InpPassword);
   if(problems == 0)
      Alert("LotBridge: all is well.");
   else
      Alert("LotBridge: ", IntegerToString((long)problems), " problem(s). See the Experts tab of the Toolbox.");
}
